"""Learn XOR with a small neural network, in nothing but the standard library."""

import argparse
import json
import math
import os
import random

EXAMPLES = {(0.0, 0.0): 0.0, (0.0, 1.0): 1.0, (1.0, 0.0): 1.0, (1.0, 1.0): 0.0}


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class Network:
    """Two inputs, one hidden layer, one output."""

    def __init__(self, hidden, seed):
        rng = random.Random(seed)
        self.hidden = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(hidden)]
        self.output = [rng.uniform(-1, 1) for _ in range(hidden + 1)]

    def forward(self, x):
        layer = [sigmoid(w[0] * x[0] + w[1] * x[1] + w[2]) for w in self.hidden]
        return layer, sigmoid(sum(self.output[n] * h for n, h in enumerate(layer)) + self.output[-1])

    def learn(self, x, target, lr):
        """One step of gradient descent; gives the squared error before it."""
        layer, y = self.forward(x)
        slope = (y - target) * y * (1 - y)
        for n, h in enumerate(layer):
            inner = slope * self.output[n] * h * (1 - h)
            self.output[n] -= lr * slope * h
            for m, value in enumerate((*x, 1.0)):
                self.hidden[n][m] -= lr * inner * value
        self.output[-1] -= lr * slope
        return (y - target) ** 2

    def save(self, path):
        with open(path, "w") as file:
            json.dump(vars(self), file)

    def load(self, path):
        with open(path) as file:
            vars(self).update(json.load(file))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--hidden", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tb-dir", help="where losses are logged")
    parser.add_argument("--save-path", help="where the model is saved")
    parser.add_argument("--load", help="start from the model saved there")
    args = parser.parse_args()

    network = Network(args.hidden, args.seed)
    if args.load:
        network.load(args.load)
    losses = []
    for epoch in range(args.epochs + 1):
        losses.append(sum(network.learn(x, target, args.lr) for x, target in EXAMPLES.items()) / len(EXAMPLES))
        if epoch % max(1, args.epochs // 5) == 0:
            print(f"epoch {epoch:5d}  loss {losses[-1]:.5f}", flush=True)
    for x in EXAMPLES:
        print(f"{x[0]:.0f} xor {x[1]:.0f} = {network.forward(x)[1]:.3f}")
    if args.tb_dir:
        with open(os.path.join(args.tb_dir, "losses.csv"), "w") as file:
            file.writelines(f"{epoch},{loss}\n" for epoch, loss in enumerate(losses))
    if args.save_path:
        network.save(args.save_path)
        print(f"saved {args.save_path}")


if __name__ == "__main__":
    main()
