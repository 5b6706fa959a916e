"""Packages on the Hugging Face Hub, which need the extra `hub`."""

import contextlib
import importlib.util
import re
import shutil
import tempfile
from pathlib import Path

from keras_vaemix.core.part import require
from keras_vaemix.storage.packages import FILES, check_sizes

ADDRESS = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)  # USER/NAME, or USER/NAME@REVISION


def check_installed():
    """Raises `ValueError` unless `huggingface_hub` is installed."""
    is_installed = importlib.util.find_spec("huggingface_hub") is not None
    require(is_installed, 'huggingface_hub to be installed: pip install ".[hub]" in a clone, or huggingface_hub', huggingface_hub=None)


@contextlib.contextmanager
def fetched(address):
    """Yields a folder with the files of a package on the Hub, all of one commit; other files of the repository are not fetched.

    They are kept in the cache of `huggingface_hub`, and the folder is removed when the block ends. `HF_ENDPOINT` names another server.

    Args:
        address: USER/NAME, or USER/NAME@REVISION, where the revision is a branch, a tag or a commit.

    Raises:
        ValueError: `huggingface_hub` is not installed, or the address or the files are not those of a package.
        OSError: The files could not be fetched.
    """
    check_installed()
    parts = ADDRESS.fullmatch(address)
    require(parts is not None, "hf://USER/NAME or hf://USER/NAME@REVISION", address=address)
    with tempfile.TemporaryDirectory() as folder:
        fetch(*parts.groups(), Path(folder))
        yield Path(folder)


def fetch(repository, revision, folder):
    """Copies the files of a package on the Hub into a folder."""
    import huggingface_hub

    hub = huggingface_hub.HfApi()
    with reaching(repository):
        info = hub.model_info(repository, revision=revision, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or [] if file.rfilename in FILES}
    check_sizes(sizes)
    for name in sizes:
        with reaching(repository):
            path = hub.hf_hub_download(repository, name, revision=info.sha)
        shutil.copyfile(path, folder / name)


@contextlib.contextmanager
def reaching(repository):
    """Raises one `OSError` for whatever keeps the Hub from answering."""
    try:
        yield
    except Exception as error:  # of any kind: errors of the HTTP client, of the Hub and of files have no common class
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise OSError(f"Expected to fetch hf://{repository}: is it public, and is there a network? Received: {said}") from error
