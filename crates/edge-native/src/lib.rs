//! edge-native
