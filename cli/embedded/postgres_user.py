"""Whom PostgreSQL runs as when Tierline runs as root, which PostgreSQL refuses for itself."""

import os
import pwd
import stat
from pathlib import Path

from cli.embedded.errors import EmbeddedError
from cli.embedded.process import User

_NAME = "nobody"


def postgres_user() -> User | None:
    """Return the unprivileged user to run PostgreSQL as; None where we are not root."""
    if os.geteuid() != 0:
        return None
    known = pwd.getpwnam(_NAME)
    return User(known.pw_uid, known.pw_gid)


def let_through(user: User | None, *targets: Path) -> None:
    """Make every folder on the way to *targets* passable for *user*, as root.

    Only the right to pass is added (``o+x``), and only where it is missing; names and contents
    of the folders stay as private as they were.
    """
    if user is None:
        return
    for target in targets:
        for folder in (target, *target.parents):
            mode = folder.stat().st_mode
            if folder.is_dir() and not mode & stat.S_IXOTH:
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def own_folder(folder: Path, user: User | None) -> None:
    """Create *folder*, private to the user that PostgreSQL runs as.

    Raises:
        EmbeddedError: It exists and belongs to somebody else.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    me = os.geteuid()
    owner = user or User(me, os.getegid())
    found = folder.lstat()
    # Looked at before it is given away: the name may be a trap that another user laid.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {me, owner.uid}:
        msg = f"{folder} was made by user {found.st_uid} and is not safe to use; remove it."
        raise EmbeddedError(msg)
    if user is not None:
        os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    folder.chmod(0o700)
