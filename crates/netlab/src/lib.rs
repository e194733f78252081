//! Hosts and links made of network namespaces, for demos and tests.
