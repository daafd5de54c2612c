# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options that a fake tor knows: fewer than tor does.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OPTIONS", "SERVICE_OPTIONS", "Option"]


@dataclass(frozen=True)
class Option:
    """
    What an option takes.

    @ivar default: its value where none is set; L{None} for none.
    @ivar kind: its type, as C{GETINFO config/names} tells it.
    @ivar fixed: whether a running tor refuses to change it.
    """

    name: str
    default: str | None = None
    kind: str = "String"
    fixed: bool = False

    @property
    def numeric(self) -> bool:
        """
        Whether it is a number, which C{SETCONF} without a value makes 0.
        """
        return self.default is not None and self.default.isdecimal()


_SWITCHES = (
    "AvoidDiskWrites ClientOnly ConnectionPadding CookieAuthentication CookieAuthFileGroupReadable"
    " DisableNetwork DormantCanceledByStartup FetchUselessDescriptors HiddenServiceNonAnonymousMode"
    " HiddenServiceSingleHopMode LeaveStreamsUnattached NoExec SafeSocks TestingTorNetwork"
    " TestSocks UseBridges"
).split()
_SWITCHED_ON = ["UseEntryGuards", "VanguardsLiteEnabled", "__ReloadTorrcOnSIGHUP"]
_VALUES = {
    "BandwidthRate": "1073741824",
    "CircuitBuildTimeout": "60",
    "Log": "notice stdout",
    "LogTimeGranularity": "1000",
    "MaxCircuitDirtiness": "600",
    "MaxClientCircuitsPending": "32",
    "NewCircuitPeriod": "30",
    "SafeLogging": "1",
    "SocksTimeout": "120",
}
_TEXTS = (
    "Address Bridge ClientOnionAuthDir ClientTransportPlugin ContactInfo ControlPort CookieAuthFile"
    " DirAuthority EntryNodes ExcludeNodes HashedControlPassword MapAddress Nickname SocksPolicy"
    " SocksPort"
).split()

SERVICE_OPTIONS = (
    "HiddenServiceAllowUnknownPorts HiddenServiceDir HiddenServiceDirGroupReadable"
    " HiddenServiceEnableIntroDoSBurstPerSec HiddenServiceEnableIntroDoSDefense"
    " HiddenServiceEnableIntroDoSRatePerSec HiddenServiceExportCircuitID HiddenServiceMaxStreams"
    " HiddenServiceMaxStreamsCloseCircuit HiddenServiceNumIntroductionPoints"
    " HiddenServiceOnionBalanceInstance HiddenServicePort HiddenServicePoWDefensesEnabled"
    " HiddenServicePoWQueueBurst HiddenServicePoWQueueRate HiddenServiceVersion"
).split()
"""Those of the services in folders, whose order matters, and which are replaced together."""

OPTIONS = {
    option.name.lower(): option
    for option in [
        *(Option(name, "0", "Boolean") for name in _SWITCHES),
        *(Option(name, "1", "Boolean") for name in _SWITCHED_ON),
        *(Option(name, default) for name, default in _VALUES.items()),
        *(Option(name) for name in _TEXTS),
        *(Option(name, kind="Dependent") for name in SERVICE_OPTIONS),
        Option("DataDirectory", "/var/lib/faketor", "Filename", fixed=True),
        Option("HiddenServiceOptions", kind="Virtual"),
        Option("User", fixed=True),
    ]
}
"""By their names in lower case."""
