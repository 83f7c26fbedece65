"""What is found in logs: the lines of many programs, and those of which nothing is a metric."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from git_runs.records.outputs import Outputs
from git_runs.records.record import Record
from git_runs.results.sources.counters import PROGRESS
from git_runs.results.sources.log import OwnSource
from git_runs.results.sources.source import BLOCK, PENDING, Mark, Places, Rules, Series

PLACES = Places(Outputs("/nowhere"), "a", Record())
Points = dict[str, list[tuple[float, float]]]

# By program: lines that it writes, and by key the steps and values in them.
FORMATS: dict[str, tuple[str, Points]] = {
    "nanoGPT": (
        """number of parameters: 123.59M
num decayed parameter tensors: 50, with 124,354,560 parameters
step 0: train loss 10.9886, val loss 10.9898
iter 0: loss 10.9864, time 59852.32ms, mfu -100.00%
iter 10: loss 10.4096, time 1046.01ms, mfu 12.50%
step 250: train loss 6.1, val loss 6.2
""",
        {
            "train_loss": [(0, 10.9886), (250, 6.1)],
            "val_loss": [(0, 10.9898), (250, 6.2)],
            "loss": [(0, 10.9864), (10, 10.4096)],
        },
    ),
    "Hugging Face": (
        """{'loss': 2.1539, 'grad_norm': 8.5, 'learning_rate': 4.5e-05, 'epoch': 0.5}
{'eval_loss': 1.25, 'eval_accuracy': 0.625, 'eval_runtime': 3.1, 'epoch': 1.0}
  3%|▎         | 15/500 [00:10<05:00,  1.50it/s]\r{'train_runtime': 63.3, 'train_loss': 1.75, 'epoch': 3.0}
""",
        {
            "loss": [(0.5, 2.1539)],
            "grad_norm": [(0.5, 8.5)],
            "learning_rate": [(0.5, 4.5e-5)],
            "eval_loss": [(1, 1.25)],
            "eval_accuracy": [(1, 0.625)],
            "eval_runtime": [(1, 3.1)],
            "train_runtime": [(3, 63.3)],
            "train_loss": [(3, 1.75)],
        },
    ),
    "Hugging Face, quoted": (
        """{'loss': '0.5021', 'grad_norm': 'nan', 'learning_rate': '1e-05', 'epoch': '0.25'}
""",
        {"loss": [(0.25, 0.5021)], "grad_norm": [(0.25, math.nan)], "learning_rate": [(0.25, 1e-5)]},
    ),
    "Lightning": (
        "Epoch 0:   0%|          | 0/50 [00:00<?, ?it/s]\r"
        + "Epoch 0:  50%|█████     | 25/50 [00:01<00:01, 20.00it/s, v_num=3, train_loss=2.300]\r"
        + "Epoch 0: 100%|██████████| 50/50 [00:02<00:00, 20.00it/s, v_num=3, train_loss=1.100]\n"
        + "Validation DataLoader 0: 100%|██████████| 5/5 [00:00<00:00, 100.00it/s]\x1b[A\n"
        + "Epoch 1:  50%|█████     | 25/50 [00:01<00:01, 20.00it/s, v_num=3, train_loss=0.500, val_loss=0.75]\r",
        {"train_loss": [(25, 2.3), (50, 1.1), (75, 0.5)], "val_loss": [(75, 0.75)]},
    ),
    "Lightning, at the end": (
        """┏━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃\x1b[1m        Test metric        \x1b[0m┃\x1b[1m       DataLoader 0        \x1b[0m┃
│\x1b[36m         test_acc          \x1b[0m│\x1b[35m    0.9800000190734863     \x1b[0m│
│\x1b[36m         test_loss         \x1b[0m│\x1b[35m           1e-02           \x1b[0m│
""",
        {"test_acc": [(0, 0.9800000190734863)], "test_loss": [(0, 0.01)]},
    ),
    "Lightning, rich": (
        """Epoch 0/9  ━━━━━━━━━━╸━━━━━━━━━━ 30/60 0:00:01 • 0:00:01 25.10it/s v_num: 0.000 train_loss: 1.5
Epoch 1/9  ━━━━━━━━━━━━━━━━━━━━━ 60/60 0:00:02 • 0:00:00 25.10it/s v_num: 0.000 train_loss: 0.5
""",
        {"train_loss": [(30, 1.5), (120, 0.5)]},
    ),
    "Keras 2": (
        "Epoch 1/2\n\n  1/100 [..............................] - ETA: 10s - loss: 2.5 - accuracy: 0.125"
        + "\b" * 80
        + " 50/100 [==============>...............] - ETA: 5s - loss: 1.5 - accuracy: 0.25"
        + "\b" * 80
        + "\n100/100 [==============================] - 10s 100ms/step - loss: 1.0 - accuracy: 0.5"
        + " - val_loss: 1.25 - val_accuracy: 0.375\nEpoch 2/2\n\n"
        + "100/100 [==============================] - 10s 100ms/step - loss: 0.5 - accuracy: 0.75\n",
        {
            "loss": [(1, 2.5), (50, 1.5), (100, 1.0), (200, 0.5)],
            "accuracy": [(1, 0.125), (50, 0.25), (100, 0.5), (200, 0.75)],
            "val_loss": [(100, 1.25)],
            "val_accuracy": [(100, 0.375)],
        },
    ),
    "Keras 3": (
        "Epoch 1/3\n\x1b[1m 1/50\x1b[0m \x1b[37m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m10s\x1b[0m 212ms/step"
        + " - accuracy: 0.1250 - loss: 2.5"
        + "\b" * 76
        + "\r\x1b[1m50/50\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s\x1b[0m 2ms/step"
        + " - accuracy: 0.5 - loss: 1.5 - val_accuracy: 0.5 - val_loss: 1.25\n",
        {
            "accuracy": [(1, 0.125), (50, 0.5)],
            "loss": [(1, 2.5), (50, 1.5)],
            "val_accuracy": [(50, 0.5)],
            "val_loss": [(50, 1.25)],
        },
    ),
    "fairseq, JSON": (
        '2021-05-12 10:11:12 | INFO | train_inner | {"epoch": 1, "update": 0.1, "loss": "12.5", "ppl": "5792.6", '
        + '"num_updates": "100", "lr": "1.25e-05", "gnorm": "3.5"}\n'
        + '2021-05-12 10:15:12 | INFO | valid | {"epoch": 1, "valid_loss": "10.5", "valid_num_updates": "200"}\n',
        {
            "update": [(100, 0.1)],
            "loss": [(100, 12.5)],
            "ppl": [(100, 5792.6)],
            "lr": [(100, 1.25e-5)],
            "gnorm": [(100, 3.5)],
            "valid_loss": [(200, 10.5)],
        },
    ),
    "fairseq, simple": (
        """| epoch 001:    100 / 1000 loss=8.5, nll_loss=7.9, ppl=240.1, wps=30000, num_updates=100, lr=1e-05
2020-01-01 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 7.5 | nll_loss 6.5 | ppl 90
""",
        {
            "loss": [(100, 8.5)],
            "nll_loss": [(100, 7.9)],
            "ppl": [(100, 240.1)],
            "wps": [(100, 30000)],
            "lr": [(100, 1e-5)],
            "valid_loss": [(1, 7.5)],
            "valid_nll_loss": [(1, 6.5)],
            "valid_ppl": [(1, 90)],
        },
    ),
    "mmengine": (
        """05/04 10:11:12 - mmengine - INFO - Epoch(train) [2][ 50/100]  lr: 2.0000e-03  eta: 0:10:12  time: 0.3510  \
data_time: 0.0101  memory: 3745  loss: 1.5  loss_cls: 0.5
2023/05/04 10:12:12 - mmengine - INFO - Epoch(val) [2][25/25]    coco/bbox_mAP: 0.3650  acc: 0.5
""",
        {
            "lr": [(150, 0.002)],
            "data_time": [(150, 0.0101)],
            "loss": [(150, 1.5)],
            "loss_cls": [(150, 0.5)],
            "coco/bbox_mAP": [(50, 0.365)],
            "val_acc": [(50, 0.5)],
        },
    ),
    "mmengine, by iteration": (
        """05/04 10:11:12 - mmengine - INFO - Iter(train) [  500/80000]  base_lr: 9.9e-03 loss: 0.75
""",
        {"base_lr": [(500, 0.0099)], "loss": [(500, 0.75)]},
    ),
    "torchvision": (
        """Epoch: [1]  [ 100/1000]  eta: 0:10:00  lr: 0.1  img/s: 250.5  loss: 6.5 (6.9)  acc1: 1.5625 (0.5)  max mem: 3
Test:   [  0/100]  eta: 0:01:00  loss: 5.5 (5.5)  acc1: 3.125 (3.125)  time: 0.6  max mem: 3500
Test:  Acc@1 4.500 Acc@5 12.250
""",
        {
            "lr": [(100, 0.1)],
            "img/s": [(100, 250.5)],
            "loss": [(100, 6.5)],
            "acc1": [(100, 1.5625)],
            "Test_loss": [(0, 5.5)],
            "Test_acc1": [(0, 3.125)],
            "Test_Acc@1": [(0, 4.5)],
            "Test_Acc@5": [(0, 12.25)],
        },
    ),
    "torch, imagenet": (
        """Epoch: [0][  10/5005]	Time  0.25 (0.9)	Data  0.01 (0.3)	Loss 6.95e+00 (7.02e+00)	Acc@1 0.39 (0.1)
Epoch: [1][   0/5005]	Time  0.25 ( 0.9)	Data  0.01 ( 0.3)	Loss 5.95e+00 (5.95e+00)	Acc@1   8.59 (  8.59)
 * Acc@1 71.590 Acc@5 90.125
""",
        {
            "Loss": [(10, 6.95), (5005, 5.95)],
            "Acc@1": [(10, 0.39), (5005, 8.59), (2, 71.59)],
            "Acc@5": [(0, 90.125)],
        },
    ),
    "torch, mnist": (
        """Train Epoch: 1 [0/60000 (0%)]	Loss: 2.305400
Train Epoch: 2 [640/60000 (1%)]	Loss: 1.359776

Test set: Average loss: 0.0272, Accuracy: 9913/10000 (99%)
""",
        {"Loss": [(0, 2.3054), (60640, 1.359776)], "Test_Average_loss": [(0, 0.0272)], "Test_Accuracy": [(0, 99)]},
    ),
    "torch, quickstart": (
        """Epoch 1
-------------------------------
loss: 2.303494  [   64/60000]
Test Error:
 Accuracy: 50.5%, Avg loss: 2.157
Epoch 2
-------------------------------
loss: 1.5  [   64/60000]
""",
        {"loss": [(64, 2.303494), (60064, 1.5)], "Accuracy": [(0, 50.5)], "Avg_loss": [(0, 2.157)]},
    ),
    "torch, transfer learning": (
        """Epoch 0/24
----------
train Loss: 0.6299 Acc: 0.6516
val Loss: 0.1999 Acc: 0.9281

Training complete in 1m 7s
Best val Acc: 0.9412
""",
        {
            "train_Loss": [(0, 0.6299)],
            "Acc": [(0, 0.6516)],
            "val_Loss": [(0, 0.1999)],
            "val_Acc": [(0, 0.9281)],
            "Best_val_Acc": [(0, 0.9412)],
        },
    ),
    "torch, word language model": (
        """| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 12.33 | loss  6.78 | ppl   880.21
| end of epoch   1 | time: 37.10s | valid loss  5.52 | valid ppl   249.61
""",
        {"loss": [(200, 6.78)], "ppl": [(200, 880.21)], "valid_loss": [(1, 5.52)], "valid_ppl": [(1, 249.61)]},
    ),
    "torch, a tutorial": (
        """Epoch [1/5], Step [100/600], Loss: 0.4412
Epoch [2/5], Step [100/600], Loss: 0.2125
""",
        {"Loss": [(100, 0.4412), (700, 0.2125)]},
    ),
    "torch, cifar": ("[1,  2000] loss: 2.203\n[1,  4000] loss: 1.846\n", {"loss": [(0, 2.203), (1, 1.846)]}),
    "xgboost": (
        """[0]	train-rmse:0.48	eval-rmse:0.49
[1]	train-rmse:0.36	eval-rmse:0.38
[10]	validation_0-logloss:0.25000	validation_0-auc:0.98
""",
        {
            "train-rmse": [(0, 0.48), (1, 0.36)],
            "eval-rmse": [(0, 0.49), (1, 0.38)],
            "validation_0-logloss": [(10, 0.25)],
            "validation_0-auc": [(10, 0.98)],
        },
    ),
    "lightgbm": (
        """[LightGBM] [Info] Number of positive: 100, number of negative: 200
[10]	training's auc: 0.975	valid_1's auc: 0.925
[20]	valid_0's binary_logloss: 0.25
""",
        {"training_auc": [(10, 0.975)], "valid_1_auc": [(10, 0.925)], "valid_0_binary_logloss": [(20, 0.25)]},
    ),
    "catboost": (
        "0:\tlearn: 0.6\ttest: 0.65\tbest: 0.65 (0)\ttotal: 56.6ms\tremaining: 56.6s\n",
        {"learn": [(0, 0.6)], "test": [(0, 0.65)], "best": [(0, 0.65)]},
    ),
    "Megatron": (
        """ [2024-05-01 10:11:12] iteration   100/  500000 | consumed samples:   51200 | elapsed time per iteration \
(ms): 1234.5 | learning rate: 1.500E-06 | global batch size:   512 | lm loss: 9.950000E+00 | loss scale: 1.0 | \
grad norm: 1.250 | number of skipped iterations:   0 |
 validation loss at iteration 1000 | lm loss value: 5.500000E+00 | lm loss PPL: 2.446919E+02 |
""",
        {
            "learning_rate": [(100, 1.5e-6)],
            "lm_loss": [(100, 9.95)],
            "loss_scale": [(100, 1)],
            "grad_norm": [(100, 1.25)],
            "validation_lm_loss_value": [(1000, 5.5)],
            "validation_lm_loss_PPL": [(1000, 244.6919)],
        },
    ),
    "stable-baselines3": (
        """-----------------------------------------
| rollout/                |             |
|    ep_len_mean          | 24.8        |
|    ep_rew_mean          | -24.75      |
| time/                   |             |
|    total_timesteps      | 4096        |
| train/                  |             |
|    approx_kl            | 0.008       |
|    clip_fraction        | 0.1         |
|    entropy_loss         | -0.686      |
|    learning_rate        | 0.0003      |
|    loss                 | 7.5         |
-----------------------------------------
""",
        {
            "ep_rew_mean": [(0, -24.75)],
            "approx_kl": [(0, 0.008)],
            "entropy_loss": [(0, -0.686)],
            "loss": [(0, 7.5)],
        },
    ),
    "mxnet": (
        """INFO:root:Epoch[0] Batch [20]	Speed: 1200.50 samples/sec	accuracy=0.109375
INFO:root:Epoch[0] Train-accuracy=0.25
INFO:root:Epoch[0] Time cost=20.5
INFO:root:Epoch[0] Validation-accuracy=0.5
""",
        {
            "Speed": [(20, 1200.5)],
            "accuracy": [(20, 0.109375)],
            "Train-accuracy": [(0, 0.25)],
            "Validation-accuracy": [(0, 0.5)],
        },
    ),
    "spaCy": (
        """E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE
---  ------  ------------  --------  ------  ------  ------  ------
  0       0          0.00     39.33    0.00    0.00    0.00    0.00
  1     200        120.50   1250.00   75.00   80.00   70.50    0.75
""",
        {
            "LOSS_TOK2VEC": [(0, 0), (200, 120.5)],
            "LOSS_NER": [(0, 39.33), (200, 1250)],
            "ENTS_F": [(0, 0), (200, 75)],
            "ENTS_P": [(0, 0), (200, 80)],
            "ENTS_R": [(0, 0), (200, 70.5)],
            "SCORE": [(0, 0), (200, 0.75)],
        },
    ),
    "fastai": (
        "epoch     train_loss  valid_loss  accuracy  time    \n"
        + "Epoch 1/2 : |████████----------------| 37.50% [3/8 00:01<00:02]\r"
        + "0         0.750000    0.500000    0.875000  00:10\n1         0.250000    0.125000    0.937500  00:10 \n",
        {
            "train_loss": [(0, 0.75), (1, 0.25)],
            "valid_loss": [(0, 0.5), (1, 0.125)],
            "accuracy": [(0, 0.875), (1, 0.9375)],
        },
    ),
    "skorch": (
        """  epoch    train_loss    valid_acc    valid_loss     dur
-------  ------------  -----------  ------------  ------
      1        \x1b[36m0.7500\x1b[0m       \x1b[32m0.5000\x1b[0m        \x1b[35m0.6250\x1b[0m  0.0500
      2        \x1b[36m0.5000\x1b[0m       \x1b[32m0.7500\x1b[0m        0.8750  0.0500
""",
        {
            "train_loss": [(1, 0.75), (2, 0.5)],
            "valid_acc": [(1, 0.5), (2, 0.75)],
            "valid_loss": [(1, 0.625), (2, 0.875)],
            "dur": [(1, 0.05), (2, 0.05)],
        },
    ),
    "YOLO": (
        "      Epoch    GPU_mem   box_loss   cls_loss  Instances       Size\n"
        + "        1/3      2.21G      1.219      1.676         22        640:  50%|█████     | 4/8 [00:01<00:01]\r"
        + "        1/3      2.21G      1.125      1.500         22        640: 100%|██████████| 8/8 [00:02<00:00]\n"
        + "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|████| 4/4\n"
        + "                   all        128        929      0.640      0.537      0.605      0.446\n",
        {
            "box_loss": [(1, 1.219), (1, 1.125)],
            "cls_loss": [(1, 1.676), (1, 1.5)],
            "Box(P": [(0, 0.64)],
            "R": [(0, 0.537)],
            "mAP50": [(0, 0.605)],
            "mAP50-95": [(0, 0.446)],
        },
    ),
    "detectron2": (
        """[06/12 10:00:00 d2.utils.events]:  eta: 0:30:12  iter: 19  total_loss: 2.5  loss_cls: 0.9  lr: 0.00049
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.574
""",
        {"total_loss": [(19, 2.5)], "loss_cls": [(19, 0.9)], "lr": [(19, 0.00049)]},
    ),
    "a plain print": (
        "epoch 1 loss 0.6931 acc 71.59%\nepoch 2 loss nan acc 72.00%\nepoch 3 loss -inf acc 1e-5%\n",
        {"loss": [(1, 0.6931), (2, math.nan), (3, -math.inf)], "acc": [(1, 71.59), (2, 72), (3, 1e-5)]},
    ),
    "data that are named behind the epoch": (
        """epoch 0 train: loss=2 acc=0.25
epoch 0 valid: loss=3 acc=0.125
[Epoch 1] [valid] loss=1
""",
        {
            "loss": [(0, 2)],
            "acc": [(0, 0.25)],
            "valid_loss": [(0, 3), (1, 1)],
            "valid_acc": [(0, 0.125)],
        },
    ),
    "PyTorch-GAN": (
        """[Epoch 0/200] [Batch 5/938] [D loss: 0.1] [G loss: 1.1]
5 [D loss: 0.2, acc.: 62.50%] [G loss: 1.2]
D loss 0.3 val G loss 1.3
""",
        {
            "D_loss": [(5, 0.1), (1, 0.2), (2, 0.3)],
            "G_loss": [(5, 1.1), (1, 1.2)],
            "acc": [(0, 62.5)],
            "val_G_loss": [(0, 1.3)],
        },
    ),
    "bars with what they are about and their metrics": (
        """Training:  50%|█████     | 50/100 [00:01<00:01, 45.00it/s, loss=0.5]
Validating: 50%|█████     | 5/10 [00:01<00:01, 45.00it/s, loss=0.7]
loss=0.0100: 100%|██████████| 100/100 [00:01<00:00]
loss: 0.4321, acc: 0.9: 100%|██████████| 100/100 [00:01<00:00]
""",
        {
            "loss": [(50, 0.5), (100, 0.01), (100, 0.4321)],
            "Validating_loss": [(5, 0.7)],
            "acc": [(100, 0.9)],
        },
    ),
    "losses of several things": (
        """Generator loss: 5.5
Discriminator loss: 0.25
Policy loss: -0.1, Value loss: 7.0
The loss: 3
""",
        {
            "Generator_loss": [(0, 5.5)],
            "Discriminator_loss": [(0, 0.25)],
            "Policy_loss": [(0, -0.1)],
            "Value_loss": [(0, 7)],
            "loss": [(0, 3)],
        },
    ),
    "training and validation in one line": (
        """train: loss=0.5, acc=0.1 | val: loss=0.7, acc=0.2
Train Loss 0.5 Acc 0.25 Val Loss 0.7 Acc 0.75
""",
        {
            "loss": [(0, 0.5)],
            "acc": [(0, 0.1)],
            "val_loss": [(0, 0.7)],
            "val_acc": [(0, 0.2)],
            "Train_Loss": [(0, 0.5)],
            "Acc": [(0, 0.25)],
            "Val_Loss": [(0, 0.7)],
            "Val_Acc": [(0, 0.75)],
        },
    ),
    "thousands with separators": (
        """2024-05-01 10:11:12,345 step 1,000: loss 0.5, 0.6 ppl 1,043.21
2024-05-01 10:11:13,345 step 2,000: loss 0.25, 0.3 ppl 424.1 reward -1,000,000
[1,200] loss: 2.5
[2,200] loss: 0,500 acc 1,2
""",
        {
            "loss": [(1000, 0.5), (2000, 0.25), (2, 2.5)],
            "ppl": [(1000, 1043.21), (2000, 424.1)],
            "reward": [(2000, -1e6)],
        },
    ),
    "thousands in a table": (
        "step  |  ppl  |  loss\n1,000  |  1,043.21  |  0.5\n",
        {"ppl": [(1000, 1043.21)], "loss": [(1000, 0.5)]},
    ),
    "a print without counters": (
        """train_loss=0.5
Training loss: .25, Validation loss: 2.
train_loss=+0.25
PSNR: 30.5 dB SSIM: 0.9
""",
        {
            "train_loss": [(0, 0.5), (1, 0.25)],
            "Training_loss": [(0, 0.25)],
            "Validation_loss": [(0, 2)],
            "PSNR": [(0, 30.5)],
            "SSIM": [(0, 0.9)],
        },
    ),
    "logging": (
        "2024-05-01 10:11:12,345 - root - INFO - Epoch: 3 | Train Loss: 0.125 | Val. Acc: 85.50% | F1-score: 0.75\n",
        {"Train_Loss": [(3, 0.125)], "Val_Acc": [(3, 85.5)], "F1-score": [(3, 0.75)]},
    ),
    "accelerate": (
        "05/01/2024 10:11:12 - INFO - __main__ -   Total optimization steps = 1000\n"
        + "Steps:   1%|          | 10/1000 [00:10<16:30,  1.00s/it, lr=1e-5, step_loss=0.0625]\r"
        + "epoch 0: perplexity: 25.5 eval_loss: 3.25\nepoch 1: {'accuracy': 0.84, 'f1': 0.89}\n",
        {
            "lr": [(10, 1e-5)],
            "step_loss": [(10, 0.0625)],
            "perplexity": [(0, 25.5)],
            "eval_loss": [(0, 3.25)],
            "accuracy": [(1, 0.84)],
            "f1": [(1, 0.89)],
        },
    ),
    "flax": (
        """I0501 10:11:12.3 140 train.py:146] epoch:  1, train_loss: 0.2500, test_loss: 0.125, test_accuracy: 98.50
I0501 10:11:12.345678 140000 logging_writer.py:48] [100] accuracy=0.5, loss=1.5
""",
        {
            "train_loss": [(1, 0.25)],
            "test_loss": [(1, 0.125)],
            "test_accuracy": [(1, 98.5)],
            "accuracy": [(100, 0.5)],
            "loss": [(100, 1.5)],
        },
    ),
    "TensorFlow": (
        """INFO:tensorflow:loss = 2.25, step = 100 (1.503 sec)
INFO:tensorflow:global_step/sec: 66.5
INFO:tensorflow:Saving dict for global step 200: accuracy = 0.75, global_step = 200, loss = 0.5
""",
        {"loss": [(100, 2.25), (200, 0.5)], "accuracy": [(200, 0.75)]},
    ),
    "DeepSpeed": (
        """[2024-05-01] [INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=0, lr=[1e-05], mom=[(0.9, 0.95)]
steps: 10 loss: 8.5 iter time (s): 0.5 samples/sec: 30.5
Epoch: 0, Step: 5, Rank: 0, loss = 1.5
""",
        {"loss": [(10, 8.5), (5, 1.5)], "samples/sec": [(10, 30.5)]},
    ),
    "timm": (
        """Train: 1 [ 100/1251 (  8%)]  Loss: 6.5 (6.9)  Time: 0.25s, 1000.5/s  LR: 1.000e-03  Data: 0.01 (0.02)
Test: [   0/97]  Time: 1.5 (1.5)  Loss:  2.5 (2.5)  Acc@1:  50.5 ( 50.5)  Acc@5:  75.5 ( 75.5)
*** Best metric: 71.5 (epoch 1)
""",
        {
            "Loss": [(100, 6.5)],
            "LR": [(100, 0.001)],
            "Data": [(100, 0.01)],
            "Test_Loss": [(0, 2.5)],
            "Test_Acc@1": [(0, 50.5)],
            "Test_Acc@5": [(0, 75.5)],
        },
    ),
    "reinforcement learning": (
        """Episode 10	Last reward: 21.00	Average reward: 12.50
global_step=2048, episodic_return=21.0
Episode: 20, Reward: 200
""",
        {
            "Last_reward": [(10, 21)],
            "Average_reward": [(10, 12.5)],
            "episodic_return": [(2048, 21)],
            "Reward": [(20, 200)],
        },
    ),
    "scikit-learn": (
        """              precision    recall  f1-score   support

           0       0.75      0.50      0.60        10

    accuracy                           0.70        20
   macro avg       0.70      0.65      0.70        20
Iteration 1, loss = 0.5
Test MSE: 12.5, R2: 0.75
""",
        {"accuracy": [(0, 0.7)], "loss": [(1, 0.5)], "Test_MSE": [(0, 12.5)], "Test_R2": [(0, 0.75)]},
    ),
}

# Lines of which nothing is a metric; what is indented by four belongs to the line before.
ORDINARY = r"""
Namespace(lr=0.001, epochs=10, loss_weight=0.5, acc=0.0, error=0.5)
TrainConfig(loss='ce', reward=1.0, f1=0.5, lr=0.001)
ModelArgs(dim=4096, n_layers=32, score=0.5)
args: {'lr': 0.1, 'loss': 1.0}
Arguments: loss=0.5
lr: 0.001
loss_weight: 0.5
  loss_weights: [1.0, 2.0]
max_grad_norm: 1.0
  "max_grad_norm": 1.0,
label_smoothing_loss: 0.1
kl_coef: 0.05
kl_beta: 0.1
entropy_coef: 0.01
reward_scale: 0.1
target_kl: 0.01
target_accuracy: 0.9
Training ends at the target loss: 0.01
The target loss 0.01 is reached, and the target val loss: 0.02
score_threshold: 0.5
iou_thresh: 0.5
map_location: 0
precision: 16
precision: bf16-mixed
  mixed_precision: 16
precision=32
error_rate_limit: 0.5
use_loss: 1
loss_type: 2
num_loss_terms: 3
accumulate_grad_batches: 4
accelerator: 1
  lr .............................................. 0.0001
  loss_scale ...................................... 1.0
  lm_loss_weight .................................. 0.5
  accumulate_allreduce_grads_in_fp32 .............. 1
Traceback (most recent call last):
  File "train.py", line 42, in <module>
    loss = 0.5 * criterion(output, target) + 0.1 * l1
  File "train.py", line 42, in <module>
    loss = 1.0
  File "train.py", line 42, in <module>
    return 0.5 * (a - b)
  File "train.py", line 42, in <module>
    assert acc > 0.5, "acc"
  File "train.py", line 42, in <module>
    if loss == 0.0:
  File "train.py", line 42, in <module>
    return F.cross_entropy(input, target, weight=None, reduction='mean', label_smoothing=0.1)
ValueError: loss: 3.5 is not finite
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.70 GiB total capacity; loss 0.5)
RuntimeError: CUDA error: device-side assert triggered
CUDA error 2
error: 404
error code: 13
make: *** [all] Error 2
ERROR 1064 (42000): error 5.0
npm ERR! errno -13
UserWarning: loss: 0.5 has no gradient
WARNING:root:loss 0.5 is small
nccl 2.14.3: NCCL WARN Net error: 3.5
NCCL INFO Channel 00/02 : 0 1
NCCL version 2.18.1+cuda12.1
[W ProcessGroupNCCL.cpp:1856] Warning: 0NCCL_AVOID_RECORD_STREAMS=1 has no effect.
2024-05-01 10:11:12.345678: I tensorflow/core/platform/cpu_feature_guard.cc:182] This TensorFlow binary is optimized
Python 3.11.7
torch==2.1.0
  Downloading torchmetrics-1.0.3-py3-none-any.whl (731 kB)
     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 731.6/731.6 kB 10.5 MB/s eta 0:00:00
Successfully installed rouge-score-0.1.2 torch-2.1.0 accelerate-0.25.0
Collecting rouge_score==0.1.2
rouge-score 0.1.2
accelerate version: 0.25.0
Loss version 1.2
2024-05-01 10:11:12
Elapsed: 0:10:12
loss at 10:11:12
GPU memory: 10240MiB / 81559MiB
Memory usage: 3.5 GB
Accuracy: 9820/10000
correct: 9820 / 10000
acc 12/15
step 1 loss 0,5
step 2 loss 1,2345
loss: 3.2 -> 2.1
loss: 1'234.5
mae: 12 345.6
mse: 1.234,5
Evaluating: 45%|████▌     | 450/1000 [00:10<00:12, 45.00it/s]
val loss 0.9 => 0.8
+ python train.py --lr 0.001 --loss 0.5
python train.py --acc=0.9 loss
123.59M parameters
Total params: 11,689,512
Trainable params: 60.2 K
  | Name      | Type             | Params
0 | loss      | CrossEntropyLoss | 0
1 | train_acc | MulticlassAccuracy | 0
  (loss): CrossEntropyLoss()
 dense_1 (Dense)             (None, 10)                1290
commit 3f786850e387550fdab836ed7e6dc881de23001b
[main 3f78685] Lower the loss 3 times
 1 file changed, 2 insertions(+), 1 deletion(-)
 src/loss.py | 12 +++++++++---
 accuracy.py | 3 +
HEAD is now at 3f78685 Fix loss
Saving checkpoint to out/epoch=3-val_loss=0.25.ckpt
Loading weights from models/acc=0.9.pt
Loading checkpoint (loss 0.07) from disk
=> loaded checkpoint of epoch 3 (acc 0.5)
Resuming at epoch 4, best loss 0.2
wandb: Run data is saved locally in /x/wandb/run-20240501_101112-loss
https://example.com/?loss=0.5
Early stopping patience: 3
Best loss so far
1e-3 is the learning rate
Using 16bit native precision
Map:  50%|█████     | 500/1000 [00:01<00:01, 500.00 examples/s]
Downloading data: 100%|██████████| 9.08M/9.08M [00:01<00:00, 5.00MB/s]
step 10
Epoch 3/10
[10/20] building CUDA object map.o
map 5
score 3
  name = crf_loss/transition:0, shape = (37, 37)
"""
ORDINARY_LINES = re.split(r"\n(?! {4})", ORDINARY.strip("\n"))

# What a program has printed so far, and how far it is by that.
PROGRESSES: list[tuple[str, float | None]] = [
    ("nothing of it\n", None),
    (" 45%|████▌     | 450/1000 [00:10<00:12, 45.00it/s]\r", 0.45),
    ("Training:  45%|████▌     | 4.5k/10k [00:10<00:12]\r", 0.45),
    ("Progress: 12.5%\n", 0.125),
    (" [2024-05-01 10:11:12] iteration      100/     400 | lm loss: 9.5 |\n", 0.25),
    ("Iter(train) [  500/1000]  loss: 0.75\nIter(val) [100/100]\n", 0.5),
    # one bar inside of another one
    (" 45%|████▌     | 450/1000 [00:10<00:12]\r  8%|▊         | 1/13 [00:00<00:01]\r", 0.45),
    # the header of an epoch, its bar, its result
    ("Epoch 3/10\n", 0.2),
    ("Epoch 3/10\n 50/100 [==============>...............] - ETA: 5s - loss: 1.5\n", 0.25),
    ("Epoch 3/10\n100/100 [====>] - loss: 1.5\n 1/20 [>...] - loss: 1.5\n", 0.3),
    ("Epoch 3/10 loss 0.5\n", 0.3),
    ("epoch 3/10 val acc: 81.2%\n", 0.3),
    ("Epoch 3/10 - loss: 0.3 - acc: 81.2% - 12s\n", 0.3),
    ("Epoch [2/5], Step [300/600], Loss: 0.4\n", 0.3),
    ("Epoch 0/9  ━━━━━━━━━━╸━━━━━━━━━━ 30/60 0:00:01 • 0:00:01 train_loss: 1.5\n", 0.05),
    ("Epochs:  30%|███       | 3/10 [00:10<00:12]\r", 0.3),
    # started again
    ("step 500/600\nhint: it failed with exit code 1: attempt 2 of 2\nstep 300/600\n", 0.5),
    ("Epoch 3/4 loss 1\nhint: it failed with exit code 1: attempt 2 of 2\nEpoch 2/4 loss 1\n", 0.5),
    # of how many epochs is not known
    ("Epoch 3:  50%|█████     | 25/50 [00:01<00:01, 20.00it/s]\r", None),
    ("Epoch: [3][  10/5005]\tLoss 6.9\n", None),
    ("100%|██████████| 50/50 [00:01<00:00]\n 10%|█         | 5/50 [00:00<00:01]\r", None),
    (" 80%|████████  | 40/50 [00:01<00:00]\r 10%|█ | 5/50 [00:00<00:01]\r 90%|████ | 45/50 [00:01<00:01]\r", None),
    # other things have bars, too
    ("Downloading data:  50%|█████     | 500/1000 [00:01<00:01]\r", None),
    ("Validation DataLoader 0:  50%|█████     | 5/10 [00:01<00:01]\r", None),
    ("100%|██████████| 50/50 [00:01<00:00]\n 10%|█         | 1/10 [00:00<00:01]\r", None),
    (" 0/0 [==>] loss: 1\n", None),
]


def read(text: str | bytes, path: Path, *patterns: str, mark: Mark | None = None) -> tuple[Points, float | None]:
    """The points by key, and the progress, of what a log holds."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    mark = mark or Mark()
    found: dict[str, Series] = {}
    with path.open("rb") as file:
        for piece in OwnSource(PLACES, Rules(patterns=[re.compile(one) for one in patterns])).read(file, mark, "log"):
            for key, series in piece.items():
                found.setdefault(key, Series()).extend(series)
    points = {key: list(zip(series.steps, series.values, strict=True)) for key, series in found.items()}
    return points, mark.memory.get(PROGRESS)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a log may be."""
    return tmp_path / "log"


@pytest.mark.parametrize("program", FORMATS)
def test_values_are_found_in_the_lines_of(program: str, log: Path) -> None:
    text, expected = FORMATS[program]
    found, _ = read(text, log)
    assert sorted(found) == sorted(expected)
    for key, points in expected.items():
        # NaN is not equal to itself, but its text is.
        assert [f"{step:g} {value:.9g}" for step, value in found[key]] == [f"{s:g} {v:.9g}" for s, v in points], key


def test_nothing_is_found_in_ordinary_lines(log: Path) -> None:
    assert [line for line in ORDINARY_LINES if read(line + "\n", log)[0]] == []
    assert read(ORDINARY, log)[0] == {}


@pytest.mark.parametrize(("text", "progress"), PROGRESSES)
def test_progress_is_what_is_known_of_the_whole(text: str, progress: float | None, log: Path) -> None:
    assert read(text, log)[1] == pytest.approx(progress)


def test_patterns_of_the_user(log: Path) -> None:
    text = "at 7 we have 0.5 of foo\nbar is 3 now\nloss 1 (mine 2)\nfoo is bad now\n"
    found, _ = read(text, log, r"at (?P<step>\d+) we have (?P<foo>[\d.]+)", r"(?P<key>\w+) is (?P<value>\w+) now", "x")
    assert found == {"foo": [(7, 0.5)], "bar": [(0, 3)], "loss": [(0, 1)]}
    assert read("loss 1 (mine 2)\n", log, r"mine (?P<loss>\d)")[0] == {"loss": [(0, 2)]}
    assert read("at 1,000: 2,500.5\n", log, r"at (?P<step>[\d,]+): (?P<foo>[\d,.]+)")[0] == {"foo": [(1000, 2500.5)]}


def test_a_line_of_code_is_none_where_the_reading_goes_on_with_it(log: Path) -> None:
    mark = Mark()
    begin = '  File "train.py", line 42, in <module>\n'
    read(begin, log, mark=mark)
    assert read(begin + "    loss = 1.0\nloss = 2.0\n", log, mark=mark)[0] == {"loss": [(0, 2)]}


@pytest.mark.parametrize("filler", [b"loss 0.5 ", b"\x1b[", b"\x1b]", b"1/", b"\xff\0\x80"])
def test_a_line_without_end_costs_little_and_counts_for_nothing(filler: bytes, log: Path) -> None:
    endless = b"acc 1\n" + filler * (3 * BLOCK // len(filler))
    mark = Mark()
    assert read(endless, log, mark=mark)[0] == {"acc": [(0, 1)]}
    assert mark.offset > len(endless) - PENDING
    assert read(endless + b" loss 1\nacc 2\n", log, mark=mark)[0] == {"acc": [(1, 2)]}
    assert read(endless + b" loss 1\nacc 2\n", log)[0] == {"acc": [(0, 1), (1, 2)]}


def test_points_are_the_same_over_the_ends_of_blocks(log: Path) -> None:
    lines = "".join(f"step {step}: loss {step / 4}\nnothing of interest here\n" for step in range(BLOCK // 20))
    found, _ = read(lines, log)
    assert found == {"loss": [(step, step / 4) for step in range(BLOCK // 20)]}
