"""The words of logs that mean something: names of metrics, and what stands around them. All are in lower case.

And numbers as people print them.
"""

from __future__ import annotations

import re
from functools import lru_cache

VOCABULARY = (
    *("loss", "acc", "accuracy", "accu", "ppl", "perplexity", "nll", "bpb", "bpc", "mse", "rmse", "mae", "mape", "auc"),
    *("auroc", "f1", "fb1", "recall", "bleu", "rouge", "wer", "cer", "iou", "miou", "dice", "psnr", "ssim", "fid"),
    *("lpips", "reward", "rew", "grad_norm", "gnorm", "entropy", "kl", "elbo", "r2", "top1", "top5", "logloss", "ndcg"),
    *("mrr", "chrf", "meteor", "cider"),
)
# Words that mean other things, too: with a sign and a fraction only, at the end of a key, as in `test error: 0.5`.
AMBIGUOUS = ("error", "map", "precision", "return", "score", "learn")
# What is part of the key where it stands before a metric's word.
KINDS = (
    *("train", "training", "val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev", "avg"),
    *("average", "mean", "median", "total", "best", "last", "final", "running", "epoch", "episode", "step", "batch"),
    *("lm", "mlm", "masked", "sop", "learning", "grad", "loss", "global", "target"),
)
# What says that a line is not about the training data.
OTHER_DATA = (
    *("val", "valid", "validation", "validating", "eval", "evaluation", "evaluating", "test", "testing", "dev"),
)
# What counts, beside epochs, and is the step of the others; and columns of tables that do so.
STEPS = (
    *("step", "global_step", "global step", "train_step", "trainer/global_step", "iter", "iteration", "batch"),
    *("episode", "timestep", "total_timestep", "num_update", "train_num_update", "valid_num_update"),
)
COLUMNS = {"epoch": "epoch", "e": "epoch", "step": "step", "#": "step", "iter": "iter", "iteration": "iter"}
# What stands before a bar that counts the program itself, and not a download.
LABELS = {"epoch", "epochs", "train", "training", "step", "steps", "iter", "iteration", "progress", "total"}

# Fields that name in each row which data it is about.
PARTS = ("phase", "split", "subset", "partition", "stage", "mode")

IS_OTHER = re.compile(rf"(?i)(?<![\w./-])(?:{'|'.join(OTHER_DATA)})(?![\w./-])")
# Nor a list, as [1,200], or the end of a time, as 10:11:12,345.
_SEPARATED = re.compile(r"(?<![\w.,])(?<!\d:)(?!(?<=[\[(])[\d,]+[\])])[1-9]\d{0,2}(?:,\d{3})+(?!,?\d)")
_NAMES_DATA = re.compile(rf"(?i)(?:.*[\W_])?(?:{'|'.join(OTHER_DATA)}|train(?:ing)?)(?:[\W_].*)?|.*/.*")
_MAY_SEPARATE = re.compile(r",\d{3}")  # found fast, and rare


@lru_cache(1000)
def names_data(key: str) -> bool:
    """Whether the name of a metric says which data it is about."""
    return _NAMES_DATA.fullmatch(key) is not None


def without_separators(text: str) -> str:
    """The text with each number such as 1,043.21 as 1043.21."""
    return _SEPARATED.sub(lambda number: number[0].replace(",", ""), text) if _MAY_SEPARATE.search(text) else text
