"""tf.data services make the batches that are made without them, in their order."""

import numpy as np
import pytest

from keras_vaemix.core.supports import BINARY, UNIT_INTERVAL
from training.data import rows
from training.data.augment import flipped
from training.distributed.cluster import ReplicaSlice
from training.jobs import service


@pytest.fixture(scope="module")
def services():
    """Three services on this machine."""
    return [service.start() for _ in range(3)]


def test_order_and_bits_are_those_without_services(services, digits):
    addresses = [dispatcher.target for dispatcher, _ in services]
    alone = digits.batches(100, BINARY, seed=5, first_epoch=2, augment=flipped)
    served = digits.batches(100, BINARY, seed=5, first_epoch=2, augment=flipped, services=addresses)
    for expected, received in zip(alone.take(25), served.take(25), strict=True):  # over two ends of epochs
        np.testing.assert_array_equal(received, expected)


def test_each_worker_is_served_its_part(services, digits):
    addresses = [dispatcher.target for dispatcher, _ in services[:2]]
    alone = digits.batches(100, UNIT_INTERVAL, 5)
    served = digits.batches(100, UNIT_INTERVAL, 5, replica_slice=ReplicaSlice(1, 2, 2), services=addresses)
    for expected, received in zip(alone.take(5), served.take(5), strict=True):
        np.testing.assert_array_equal(received, expected[50:])


@pytest.mark.slow
def test_command_trains_with_a_service(services, main, training_alone, without_xla, tmp_path):
    results = []
    for name, flags in (("alone", []), ("served", ["--data-service", services[0][0].target])):
        status, err = main("vae_digits", "--epochs", 1, "--run-dir", tmp_path / name, *flags)
        assert status == 0, err
        results.append((tmp_path / name / "history.csv").read_text())
    assert results[0] == results[1]


def test_wrong_addresses_and_data_on_disk_are_refused(digits, main, monkeypatch, tmp_path):
    status, err = main("vae_digits", "--run-dir", tmp_path / "run", "--data-service", "host:5050")
    assert status == 1
    assert err.startswith("error: Expected addresses such as grpc://HOST:PORT for --data-service. Received: address='host:5050'")
    monkeypatch.setattr(rows, "LARGE", 1)
    with pytest.raises(ValueError, match="Expected data that fit in memory for --data-service"):
        digits.batches(10, BINARY, 0, services=["grpc://localhost:1"])
