"""Method profiles: named, versioned, hashed option values (TOML) and their loader."""
