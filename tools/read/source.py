# SPDX-FileCopyrightText: 2026 MAX Ports authors
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model to look at: a directory, or a repository of the Hub, of which only headers travel.

Imports neither MAX nor torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.checkpoint import Header, read_config, read_headers
from common.errors import PortError


@dataclass(frozen=True)
class Source:
    """What can be known of a model without its weights.

    Attributes:
        name: As the caller gave it.
        config: config.json as it is written.
        files: Names of its files, relative to its root; empty where they cannot be known.
        headers: Reads the headers of its weight files.
        directory: Where it lies, if on this machine.
    """

    name: str
    config: dict[str, Any]
    files: tuple[str, ...]
    headers: Callable[[], list[Header]]
    directory: Path | None


def open_source(model: str) -> Source:
    """Returns the model at a path, or of a Hub name such as ``HuggingFaceTB/SmolLM3-3B``.

    A Hub name takes HF_TOKEN, HF_HOME and HF_HUB_OFFLINE into account, as huggingface_hub does.

    Raises:
        PortError: If there is no such model, or it is gated, or has no config.json.
    """
    path = Path(model).expanduser()
    if path.exists() or path.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        return _of_directory(model, path)
    return _of_hub(model)


def _of_directory(name: str, directory: Path) -> Source:
    config = read_config(directory)
    files = tuple(sorted(p.name for p in directory.iterdir() if p.is_file()))
    return Source(name, config, files, lambda: read_headers(directory), directory)


@contextmanager
def _said(repo: str) -> Iterator[None]:
    """Says the Hub's errors in one line each."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise PortError(
            f"{repo} is gated: ask for access on its page, and set HF_TOKEN to your token"
        ) from None
    except errors.RepositoryNotFoundError:
        raise PortError(
            f"the Hub has no {repo}, or it is private and HF_TOKEN does not open it"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise PortError(
            f"{repo} is not in the Hub's cache, and the Hub cannot be reached;"
            " give the directory of a checkpoint"
        ) from None
    except errors.EntryNotFoundError:
        raise PortError(f"{repo} has no config.json; it is no transformers checkpoint") from None
    except errors.NotASafetensorsRepoError:
        raise PortError(
            f"{repo} has no *.safetensors; MAX loads no other format from here"
        ) from None
    except errors.SafetensorsParsingError as error:
        raise PortError(f"{repo} holds a damaged safetensors file: {error}") from None
    except errors.HFValidationError as error:
        raise PortError(f"{repo} is neither a directory nor a name of the Hub: {error}") from None
    except (errors.HfHubHTTPError, OSError) as error:
        raise PortError(f"the Hub did not answer for {repo}: {error}") from None


def _of_hub(repo: str) -> Source:
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub.utils import disable_progress_bars, logging

    # What is left to say is said in one line.
    disable_progress_bars()
    logging.set_verbosity_error()
    with _said(repo):
        file = Path(hf_hub_download(repo, "config.json"))
        if constants.HF_HUB_OFFLINE:
            # A snapshot holds what was asked for, not what the repository has.
            return replace(_of_directory(repo, file.parent), files=())
        files = tuple(sorted(HfApi().list_repo_files(repo)))
    return Source(repo, read_config(file.parent), files, lambda: _hub_headers(repo), None)


def _hub_headers(repo: str) -> list[Header]:
    from huggingface_hub import HfApi

    with _said(repo):
        metadata = HfApi().get_safetensors_metadata(repo)
    return [
        Header(name, tuple(tensor.shape), tensor.dtype, Path(file))
        for file, found in metadata.files_metadata.items()
        for name, tensor in found.tensors.items()
    ]
