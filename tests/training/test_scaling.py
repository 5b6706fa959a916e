"""Predicted efficiency: arithmetic against values by hand, and bytes against the sizes of what is sent."""

import keras
import pytest

import keras_vaemix as vm
from tests import catalogue
from training import scaling as command
from training.distributed.strategy import make_strategy
from training.jobs import scaling


def test_time_of_communication_is_that_by_hand():
    link = scaling.Link(bandwidth=1e9, latency=1e-3)
    traffic = scaling.Traffic(reduced=[2e9, 1e9], gathered=[5e8])
    # On four: 2 * 3 / 4 of 3 s and 2 * 6 steps of 1 ms; then three times half a second and 1 ms.
    assert scaling.communication_seconds(traffic, 4, link) == pytest.approx(4.5 + 0.012 + 1.5 + 0.003)
    assert scaling.efficiency(6.015, traffic, 4, link) == pytest.approx(0.5)
    assert scaling.efficiency(0.1, traffic, 1, link) == 1


def test_hundred_megabytes_over_ten_gigabit():
    """25 million weights on eight machines: 2 * 7 / 8 * 100 MB at 1.25 GB/s, and 14 steps of 30 us."""
    seconds = scaling.communication_seconds(scaling.Traffic([100e6], []), 8, scaling.LINKS["10 GbE"])
    assert seconds == pytest.approx(0.14 + 0.00042)


@pytest.fixture
def compiled():
    def make(build):
        with make_strategy("mirrored").scope():
            model = build()
            model.compile(keras.optimizers.SGD(0.1))
        return model

    return make


def size(variables):
    return 4 * sum(variable.shape.num_elements() for variable in (v.value for v in variables))


def test_a_step_sends_its_gradients_and_the_number_of_examples(compiled, binary):
    model = compiled(catalogue.make)
    traffic = scaling.traffic_of(model, binary)
    assert traffic.gathered == []
    assert sorted(traffic.reduced) == [4, size(model.trainable_variables)]


def test_every_step_of_a_player_sends_its_gradients(compiled, binary):
    model = compiled(catalogue.AUTOENCODERS["mask"])
    model.critic_steps = 2
    reduced = scaling.traffic_of(model, binary).reduced
    critic = size(model.critic.trainable_variables)
    assert reduced.count(critic) == 2
    assert reduced.count(size(model.encoder.trainable_variables + model.decoder.trainable_variables)) == 1


def test_a_loss_that_couples_the_batch_gathers_it(compiled, binary):
    model = compiled(catalogue.AUTOENCODERS["mmd"])
    codes = 4 * len(binary) * catalogue.LATENT_DIM
    assert isinstance(model.discrepancy, vm.discrepancies.MMD)
    gathered = scaling.traffic_of(model, binary).gathered
    assert gathered.count(codes) == 2
    assert sum(gathered) - 2 * codes <= 16  # sizes of what is gathered


def test_wrong_arguments_are_one_line(capsys):
    assert command.main(["vamp_digit"]) == 1
    assert command.main(["vamp_digits", "--step-seconds", "-1"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_table_says_what_it_assumes():
    lines = scaling.table("name", scaling.Traffic([1e6], []), 0.01, "as given")
    assert "1.000 MB a step in 1 all-reduces, 0 all-gathers; 10.00 ms a step, as given" in lines[0]
    assert len(lines) == 2 + len(scaling.LINKS)
    expected = 0.01 / (0.01 + 2 * 1023 / 1024 * 1e6 / 450e9 + 2 * 1023 * 1e-6)
    assert lines[-1].split()[-1] == f"{expected:.1%}"
