"""Judge the measured rows, and write the tables of results: the README's, and the full ones beside the rows."""

import sys

from export.shell.command import Command
from export.shell.flags import Parser, path
from training.papers.pages import pages, with_tables
from training.papers.result_rows import writable
from training.papers.tables import rewrite


def parse(argv):
    """Returns the flags."""
    parser = Parser(prog="python -m training.tables", description=__doc__)
    parser.add_argument("--out", type=path, help="folder of TABLE.json instead of the project's; then no pages are written")
    return parser.parse_args(argv)


def run(args):
    """Judges all measured rows again, and rewrites the full tables beside them, and the README and the pages of docs in place."""
    rewrite(writable(args.out))
    for page in pages() if args.out is None else ():
        page.write_text(with_tables(page.read_text()))


main = Command(parse, run)

if __name__ == "__main__":
    sys.exit(main())
