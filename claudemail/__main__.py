import sys
from claudemail import config, daemon, running, session
if sys.argv[1]=="mcp": sys.exit(session.main())
sys.exit(daemon.run(config.load(), running.ON_DEMAND if "--on-demand" in sys.argv else running.FOREGROUND))
