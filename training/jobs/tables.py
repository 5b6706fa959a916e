"""Judge the measured rows, and write the tables of results: the README's, and the full ones beside the rows."""

import sys

from export.flags import Parser, path
from training.papers.result_rows import writable
from training.papers.tables import pages, rewrite, with_tables


def main(argv=None):
    """Judges all measured rows anew, and rewrites the full tables beside them, and the README and the pages of docs in place.

    Returns the exit status: errors are one line on standard error.
    """
    parser = Parser(prog="python -m training.tables", description=main.__doc__.splitlines()[0])
    parser.add_argument("--out", type=path, help="folder of TABLE.json instead of the project's, and no pages")
    try:
        args = parser.parse_args(argv)
        rewrite(writable(args.out))
        for page in pages() if args.out is None else ():
            page.write_text(with_tables(page.read_text()))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
