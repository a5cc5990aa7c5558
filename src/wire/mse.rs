//! mse
