-- The mail database, version 4: briefs come into the full text after they are accepted, and not with that.

-- The number up to which they are in it. Those above are not yet: numbers only grow.
INSERT INTO meta SELECT 'indexed', max(number) FROM briefs HAVING count(*) > 0
ON CONFLICT DO UPDATE SET value = excluded.value;
