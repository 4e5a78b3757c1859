"""What mail is made of: immutable values, validated where they are made, with no input or output."""
