"""Runs ClickHouse inside this process, in the directory that is its argument.

Each line of the input is a statement as a JSON string; its answer follows as
tab-separated lines, and then the mark.
"""

import json
import sys

from chdb import session

here = session.Session(sys.argv[1])
for line in sys.stdin:
    answer = str(here.query(json.loads(line), "TabSeparated"))
    print(answer + "\n--end--", flush=True)
