from .config import PRESETS as PRESETS
from .config import NetworkConfig as NetworkConfig
from .models import Networks as Networks
from .models import build_networks as build_networks
