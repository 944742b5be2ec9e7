"""An example plug-in of evalharness: a metric, a client and a source."""
