"""What other packages and checks may test with: the contract of network drivers, the replay of IPVS traces."""

from netsim.testing.drivers import DriverContract, installed

__all__ = ["DriverContract", "installed"]
