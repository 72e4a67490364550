"""Where a GeoTIFF keeps what is not pixels: names of GDAL's metadata domains and tags."""

NAMESPACE = "SHSRD"  # domain that carries the header keys of other formats
HEADERS_TAG = "SHSRD_HEADERS"  # the same in the common domain, which a cloud optimised GeoTIFF has too
GEOLOCATION = "GEOLOCATION"  # GDAL's own domain: which file tells where each pixel lies
