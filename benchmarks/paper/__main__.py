"""Reproduce every table and figure of the DeepFRAP paper, and put skfrap's numbers beside them.

Results go to a folder: per stage a JSON file, CSV tables and figures; one tidy `results.csv`; and
the page `index.md`, the paper's number, ours, the ratio and the standard error side by side. What
is finished is not computed again, so a run that was broken off goes on where it was.

    python -m benchmarks.paper                     everything, a quarter of an hour on two cores
    python -m benchmarks.paper --quick             a tenth of everything and less, 3 minutes
    python -m benchmarks.paper --training FOLDER   with the paper's own design, as far as
                                                   benchmarks.paper_training has trained it there
    python -m benchmarks.paper --stages figure10   some of it: see --help
    python -m benchmarks.paper --again             compute what is asked for anew, but for networks:
                                                   they are in a folder of their own, to be deleted
    python -m benchmarks.paper --docs              copy page and figures into docs/benchmarks/paper

A training that has gone on is told of anew with `--stages design --again`.
"""

from benchmarks._main import main
from benchmarks.paper._page import STUDY

if __name__ == "__main__":
    main(STUDY, __doc__)
