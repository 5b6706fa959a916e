"""tf.data services: other machines that make the training batches, where the input is the bottleneck."""

import contextlib

import tensorflow as tf


def start(port=0):
    """Starts a dispatcher with one worker in this process; returns both, and its address is `dispatcher.target`.

    Args:
        port: Where the dispatcher listens; 0 for one that is free.
    """
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
    address = dispatcher.target.partition("://")[2]
    return dispatcher, service.WorkerServer(service.WorkerConfig(dispatcher_address=address))


def run(args):
    """Serves until it is stopped."""
    dispatcher, _ = start(args.port)
    print(f"Serving on port {args.port}: pass --data-service grpc://HOST:{args.port} to training.train", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        dispatcher.join()
