"""GeoTIFF files."""
