"""Greedy layer-wise pretraining."""

from jaxdl.registry import System

SYSTEM = System(
    title="Greedy layer-wise pretraining",
    paper="Hinton et al. 2006",
    toy=(
        "--cases sigmoid-rbm relu svm forest --steps 20 --pretrain-steps 10 "
        "--hidden-sizes 12 70 --trees 5 --block-steps 10 --eval-every 10"
    ),
    figures=("filters", "gradients", "pretraining", "test_error", "training"),
    picture="greedy_pretraining-mnist_basic-test_error.png",
    records={
        "greedy_pretraining-mnist_basic.json": "--data mnist_basic --seeds 3",
        "greedy_pretraining-mnist-all.json": (
            "--data mnist --train-on all --cases sigmoid-rbm --seeds 3"
        ),
        "greedy_pretraining-mnist-sigmoid-rbm.json": (
            "--data mnist --cases sigmoid-rbm --seeds 3"
        ),
        "greedy_pretraining-mnist-svm.json": "--data mnist --cases svm",
    },
)
