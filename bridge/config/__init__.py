"""Describes the appliance: config.toml as frozen classes, found, loaded, and every fault told at once.

The rest of the house imports these names from here and knows none of the files behind them.
"""

from bridge.config.keys import Setting, settings_by_key
from bridge.config.loading import SYSTEM_CONFIG, find_config, load_config
from bridge.config.settings import (
    PRIVATE_NETWORKS,
    AlertsConfig,
    AuditConfig,
    CertificateFiles,
    Config,
    EventLoop,
    LimitsConfig,
    ListenerConfig,
    LogConfig,
    LoginHookConfig,
    ShapingConfig,
    SpoolConfig,
    SyncConfig,
    TlsConfig,
    TlsMode,
    TlsPolicy,
    VaultConfig,
    WatchConfig,
)
from bridge.config.tomlvalues import Network

__all__ = [
    "PRIVATE_NETWORKS",
    "SYSTEM_CONFIG",
    "AlertsConfig",
    "AuditConfig",
    "CertificateFiles",
    "Config",
    "EventLoop",
    "LimitsConfig",
    "ListenerConfig",
    "LogConfig",
    "LoginHookConfig",
    "Network",
    "Setting",
    "ShapingConfig",
    "SpoolConfig",
    "SyncConfig",
    "TlsConfig",
    "TlsMode",
    "TlsPolicy",
    "VaultConfig",
    "WatchConfig",
    "find_config",
    "load_config",
    "settings_by_key",
]
