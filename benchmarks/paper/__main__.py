"""Reproduce every table and figure of the DeepFRAP paper, and put skfrap's numbers beside them.

Results go to a folder: per stage a JSON file, CSV tables and figures; one tidy `results.csv`; and
the page `index.md`, the paper's number, ours, the ratio and the standard error side by side. What
is finished is not computed again, so a run that was broken off goes on where it was.

    python -m benchmarks.paper                     everything, over an hour on two cores, of which
                                                   50 minutes train the paper's own design
    python -m benchmarks.paper --quick             a tenth of everything and less, 3 minutes
    python -m benchmarks.paper --stages figure10   some of it: see --help
    python -m benchmarks.paper --again             compute what is asked for anew, but for networks:
                                                   they are in a folder of their own, to be deleted
    python -m benchmarks.paper --docs              copy page and figures into docs/benchmarks/paper
"""

from benchmarks._main import main
from benchmarks.paper._page import STUDY

if __name__ == "__main__":
    main(STUDY, __doc__)
