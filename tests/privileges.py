"""Makes root heed the permissions of files, as everybody must."""

import ctypes

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


def drop(for_good=False):
    """Takes from this thread what lets it read and write every file.

    Args:
      for_good: it cannot be given back; only then does `os.access` tell root what others may do.

    Returns:
      What gives it back.

    Raises:
      OSError: this system does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    before = (ctypes.c_uint32 * 6)()  # twice: effective, permitted, inheritable
    if libc.capget(header, before):
        raise OSError("this system tells no capabilities")
    now = (ctypes.c_uint32 * 6)(*before)
    for word in (0, 1) if for_good else (0,):
        now[word] &= ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    if libc.capset(header, now):
        raise OSError("this system lets root drop no capabilities")
    return lambda: libc.capset(header, before)
