"""File capabilities: what `setcap` writes, without running it.

Source: capabilities(7), cap_from_text(3); Linux, include/uapi/linux/capability.h, for the numbers
and for the layout of the extended attribute.
"""

from __future__ import annotations

import re
import struct

from multiarch.core.errors import MultiarchError, did_you_mean

CAPABILITY_XATTR = "security.capability"
_NAMES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid"),
    *("setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw"),
    *("ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct"),
    *("sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod"),
    *("lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog"),
    *("wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore"),
)
NUMBERS = {f"cap_{name}": number for number, name in enumerate(_NAMES)}
_REVISION_2, _REVISION_3, _REVISION_MASK = 0x02000000, 0x03000000, 0xFF000000
_EFFECTIVE = 1
_CLAUSE = re.compile(r"([a-z0-9_,]+)([=+])([eip]+)\Z")


class CapabilityError(MultiarchError):
    """Says what in a capability text is not understood."""


def capability_xattr(text: str) -> bytes:
    """The value of `security.capability` for a text such as `cap_net_bind_service=ep`.

    Clauses are separated by spaces; flags are e, i, p; `all` stands for every capability. The
    effective flag is one for the file, so it must be on all capabilities or on none, as the kernel
    has it. Raises CapabilityError.

    >>> capability_xattr("cap_net_bind_service=ep").hex()
    '0100000200040000000000000000000000000000'
    """
    permitted, inheritable, effective = 0, 0, 0
    for clause in text.lower().split():
        match = _CLAUSE.match(clause)
        if not match:
            raise CapabilityError(
                f"{clause!r} is not a capability clause such as `cap_net_bind_service=ep`"
            )
        mask = _mask(match.group(1))
        permitted |= mask if "p" in match.group(3) else 0
        inheritable |= mask if "i" in match.group(3) else 0
        effective |= mask if "e" in match.group(3) else 0
    if not permitted | inheritable:
        raise CapabilityError(f"{text!r} gives no capability: flags are e, i, p, as in `=ep`")
    if effective not in (0, permitted | inheritable):
        raise CapabilityError(
            f"{text!r}: the flag `e` is one for the whole file; give it to all or to none"
        )
    first = _REVISION_2 | (_EFFECTIVE if effective else 0)
    low, high = 0xFFFFFFFF, 32
    return struct.pack(
        "<5I", first, permitted & low, inheritable & low, permitted >> high, inheritable >> high
    )


def _mask(names: str) -> int:
    mask = 0
    for name in names.split(","):
        if name == "all":
            mask |= (1 << len(_NAMES)) - 1
        elif name in NUMBERS:
            mask |= 1 << NUMBERS[name]
        else:
            raise CapabilityError(f"there is no capability {name!r}.{did_you_mean(name, NUMBERS)}")
    return mask


def without_namespace(value: bytes) -> bytes:
    """The attribute as revision 2: a user namespace's own (revision 3) loses its owner."""
    if len(value) == 24 and struct.unpack("<I", value[:4])[0] & _REVISION_MASK == _REVISION_3:
        (first,) = struct.unpack("<I", value[:4])
        return struct.pack("<I", _REVISION_2 | (first & _EFFECTIVE)) + value[4:20]
    return value
