"""What the flags of a command say, and what nobody can know of them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.results import params


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python train.py", {}),
        ("python train.py --lr=0.1 --bs 32 -x --no-cuda", {"lr": "0.1", "bs": "32", "x": True, "no-cuda": True}),
        ("python train.py -lr 0.10 -b -1e-3 -j4", {"lr": "0.10", "b": "-1e-3", "j": "4"}),
        (
            "./main.py lr=0.1 +opt.name=adam ++db/x=1 model:=big",
            {"lr": "0.1", "opt.name": "adam", "db/x": "1", "model": "big"},
        ),
        ("./main.py --tag a --tag b --tag", {"tag": ["a", "b", True]}),
        ("./main.py --name 'a b' --x=\"c d\" --y=e\\ f '--z' ''", {"name": "a b", "x": "c d", "y": "e f", "z": ""}),
        ("./main.py --a=b=c --empty=", {"a": "b=c", "empty": ""}),
        ("./main.py --flag key=1 --amp other.py", {"flag": True, "key": "1", "amp": True}),
        ("CUDA_VISIBLE_DEVICES=1 A= python x.py --lr 1", {"env.CUDA_VISIBLE_DEVICES": "1", "env.A": "", "lr": "1"}),
        ("env SEED=1 ./x", {"env.SEED": "1"}),
        ("./main.py --layers 64 128 --lr 0.1 --x", {"layers": ["64", "128"], "lr": "0.1", "x": True}),
        ("./main.py --epochs 10 data.yaml 5 --size=1 2 --name a 3", {"epochs": "10", "size": "1", "name": "a"}),
        ("./main.py --betas 0.9 -1e-3 1 --betas 2", {"betas": ["0.9", "-1e-3", "1", "2"]}),
        # Options of interpreters and words of programs are no parameters.
        ("python3.11 -u -W ignore -m pkg.train --lr 1", {"lr": "1"}),
        (
            "torchrun --standalone --nproc_per_node=2 train.py --lr 1",
            {"standalone": True, "nproc_per_node": "2", "lr": "1"},
        ),
        ("uv run python -u train.py --lr 1", {"lr": "1"}),
        ("bash -c 'python train.py --lr 1'", {"lr": "1"}),
        ("curl http://x/?a=b", {}),
        # The first program that has any.
        ("cat x | python t.py --lr 1 | tee log", {"lr": "1"}),
        ("cd sub && ./prepare; ./train --lr 1 && ./test --lr 2", {"lr": "1"}),
        ("for i in 1 2; do ./t --seed $i --lr 1; done", {"lr": "1"}),
        ("set -e; ./t --lr 1", {"lr": "1"}),
        ("[ -f t ] || exit 1; if [ -d x ]; then ./t --lr 1; fi", {"lr": "1"}),
        ("echo -n start; ls -la; ./t --lr 1", {"lr": "1"}),
        ("echo --lr=1; ./t", {"lr": "1"}),
        ("env -i -u B A=1 ./t --lr 1", {"env.A": "1", "lr": "1"}),
        ("mkdir -p x && ulimit -n 1024; . env.sh -q; ./t --lr 1", {"lr": "1"}),
        ("export A=1 B=$C; export -p; D=2 ./t --lr 1", {"env.A": "1", "env.D": "2", "lr": "1"}),
        ("export A=1; ./t", {"env.A": "1"}),
        ("cat >x <<EOF\n./p --lr 2\nEOF\n./t --lr 1", {"lr": "1"}),
        ("./t --a 1 <<'E O' <<-F && ./u --b 2\n'\nE O\n\t\"\n\tF\n./v", {"a": "1"}),
        ("cat <<EOF\n./p --lr 2", {}),
        ("if ./a; then ./t --lr 1; fi", {"lr": "1"}),
        ("./t --lr 1 >log 2>&1 --x 2 # --y 3", {"lr": "1", "x": "2"}),
        ("./t --lr 1 \\\n  --x 2", {"lr": "1", "x": "2"}),
        # What a shell makes something else of is not known.
        ('./t --lr $LR --x ${X} --y `date` --z "$Z" --ok 1', {"ok": "1"}),
        ("./t --files *.txt --home ~/x --lr {1,2} --ok '*'", {"ok": "*"}),
        ("./t --seed 1 --seed $S", {}),
        ("./t --flag --lr $((1+1)) --data /x/y --seed=042", {"flag": True, "data": "/x/y", "seed": "042"}),
        ("D=$(date '+) %T') ./t --x=a$(f (1) \"$(g ')')\" --z 1)b.py --ok 1", {"ok": "1"}),
        ('./t --x "$(f " --y 1 ") $((2 * (3)))" --z="`f " --y 2 "`" --q "it\'s (" --ok 1', {"q": "it's (", "ok": "1"}),
        ("./t --x `f 'a --y 1' | g; h` --ok 1; ./t --y 2", {"ok": "1"}),
        ("./t --lr 1 --x $(f (1)", {}),
        ("./t --lr 1 --x `f", {}),
        ("./t --lr 'open", {}),
        ('bash -c "python t.py --lr $LR"', {}),
    ],
)
def test_what_a_command_says(command: str, found: params.Params) -> None:
    assert params.of(command) == found


values = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=0, max_size=20)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{1,8}", fullmatch=True), values, max_size=4))
def test_what_was_quoted_is_read_as_it_was(chosen: dict[str, str]) -> None:
    command = " ".join(["./train.py", *(shlex.quote(f"--{name}={value}") for name, value in chosen.items())])
    assert params.of(command) == chosen


@given(st.text(max_size=60))
def test_no_text_is_too_odd(command: str) -> None:
    params.of(command)
