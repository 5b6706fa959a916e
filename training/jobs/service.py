"""tf.data services: other machines that prepare the training batches when input is the bottleneck."""

import contextlib

import tensorflow as tf


def start(port=0):
    """Starts a dispatcher with one worker in this process and returns both; the address is `dispatcher.target`.

    Args:
        port: Port of the dispatcher; 0 picks a free one.
    """
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
    address = dispatcher.target.partition("://")[2]
    return dispatcher, service.WorkerServer(service.WorkerConfig(dispatcher_address=address))


def run(args):
    """Serves until interrupted."""
    dispatcher, _ = start(args.port)
    print(f"Serving on port {args.port}: pass --data-service grpc://HOST:{args.port} to training.train", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        dispatcher.join()
