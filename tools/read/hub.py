# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints by their names on the Hub, ``owner/name`` or ``owner/name@revision``.

huggingface_hub downloads into its own cache and resumes there; HF_TOKEN, HF_HOME, HF_ENDPOINT and
HF_HUB_OFFLINE mean what they mean to it. Imports neither MAX nor torch.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.checkpoint import CONFIG, Header, read_config, shards, weight_files, weights_name
from common.errors import PortError

#: Files beside the weights that a server reads.
BESIDE = (
    *(CONFIG, "generation_config.json", "tokenizer*", "*.model", "vocab.*", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json", "tekken.json"),
    *("chat_template*", "additional_chat_templates/*"),
)


def is_name(model: str) -> bool:
    """Whether it is a name of the Hub rather than a folder."""
    path = Path(model).expanduser()
    here = path.exists() or path.is_absolute() or model.startswith((".", "~"))
    return not here and model.partition("@")[0].count("/") == 1


def _parted(name: str) -> tuple[str, str | None]:
    repo, _, revision = name.partition("@")
    return repo, revision or None


@contextmanager
def _said(name: str, file: str = CONFIG) -> Iterator[None]:
    """Says the Hub's errors in one line each."""
    from huggingface_hub import errors
    from huggingface_hub.utils import logging

    # What is left to say is said in one line.
    logging.set_verbosity_error()
    try:
        yield
    except errors.GatedRepoError:
        raise PortError(
            f"{name} is gated: ask for access on its page, and set HF_TOKEN to your token"
        ) from None
    except errors.RepositoryNotFoundError:
        raise PortError(
            f"the Hub has no {name}, or it is private and HF_TOKEN does not open it"
        ) from None
    except errors.RevisionNotFoundError:
        raise PortError(f"the Hub has no such revision: {name}") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise PortError(
            f"{name} is not in the Hub's cache, and the Hub cannot be reached;"
            " give the directory of a checkpoint"
        ) from None
    except errors.EntryNotFoundError:
        raise PortError(f"{name} has no {file}; it is no transformers checkpoint") from None
    except errors.NotASafetensorsRepoError:
        raise PortError(
            f"{name} has no *.safetensors; MAX loads no other format from here"
        ) from None
    except errors.SafetensorsParsingError as error:
        raise PortError(f"{name} holds a damaged safetensors file: {error}") from None
    except errors.HFValidationError as error:
        raise PortError(f"{name} is neither a directory nor a name of the Hub: {error}") from None
    except (errors.HfHubHTTPError, OSError) as error:
        raise PortError(f"the Hub did not answer for {name}: {error}") from None


#: Seconds in which the Hub has to answer at all; its library tries for much longer.
PATIENCE = 3.0


@functools.cache
def _answers(endpoint: str) -> bool:
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint, timeout=PATIENCE)
    except Exception:
        # Of whatever kind: what matters is that there is no answer.
        return False
    return True


def is_offline() -> bool:
    """Whether huggingface_hub was told to ask nobody, or nobody answers."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE) or not _answers(constants.ENDPOINT)


def download(name: str, file: str, *, bar: bool = False) -> Path:
    """Returns a file of a repository, in the Hub's cache.

    Args:
        name: The repository, with or without a revision.
        file: Its path there.
        bar: Whether to show how far it is, on a terminal.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    (enable_progress_bars if bar else disable_progress_bars)()
    repo, revision = _parted(name)
    with _said(name, file):
        known = is_offline()
        return Path(hf_hub_download(repo, file, revision=revision, local_files_only=known))


def files(name: str) -> list[str]:
    """Returns the paths of a repository's files."""
    from huggingface_hub import HfApi

    repo, revision = _parted(name)
    with _said(name):
        return HfApi().list_repo_files(repo, revision=revision)


def headers(name: str, chosen: Iterable[str] | None = None) -> list[Header]:
    """Returns the headers of a repository's weights, read by ranges.

    Args:
        name: The repository.
        chosen: Which files; by default those that huggingface_hub takes for its weights.
    """
    from huggingface_hub import HfApi

    repo, revision = _parted(name)
    with _said(name):
        if chosen is None:
            metadata = HfApi().get_safetensors_metadata(repo, revision=revision).files_metadata
        else:
            metadata = {
                file: HfApi().parse_safetensors_file_metadata(repo, file, revision=revision)
                for file in chosen
            }
    return [
        Header(name, tuple(tensor.shape), tensor.dtype, Path(file))
        for file, found in metadata.items()
        for name, tensor in found.tensors.items()
    ]


def fetched(
    name: str,
    check: Callable[[Path, list[Header]], object],
    say: Callable[[str], None],
    *,
    code: bool = False,
) -> Path:
    """Downloads a checkpoint, and only what is the checkpoint; from the cache where it is there.

    Args:
        name: The repository.
        check: Is given the folder, with all but the weights, and their headers, before any of them
            is downloaded; raises to stop.
        say: Told what is done.
        code: Whether to download Python files, too.

    Returns:
        The folder.

    Raises:
        PortError: If the Hub or the checkpoint does not let it.
    """
    say(f"asking the Hub for {name}")
    directory = download(name, CONFIG).parent
    if is_offline():
        # What is missing is said by whoever looks for it.
        weight_files(directory)
        return directory
    # One commit, whatever happens to a branch meanwhile.
    pinned = f"{_parted(name)[0]}@{directory.name}"
    listed = files(pinned)
    wanted = (*BESIDE, "*.py") if code else BESIDE
    for file in listed:
        if any(fnmatch.fnmatchcase(file, pattern) for pattern in wanted):
            download(pinned, file)
    chosen = weights_name(read_config(directory), listed, name)
    if chosen.endswith(".index.json"):
        download(pinned, chosen)
        chosen_files = [str(file.relative_to(directory)) for file in shards(directory / chosen)]
    else:
        chosen_files = [chosen]
    if chosen.endswith(".gguf"):
        check(directory, [])
    else:
        say("checking its headers")
        check(directory, headers(pinned, chosen_files))
    for i, file in enumerate(chosen_files, 1):
        say(f"downloading {file} ({i} of {len(chosen_files)})")
        download(pinned, file, bar=True)
    return directory
