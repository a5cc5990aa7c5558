//! Adds facts up: hosts, swarms, learnt endpoints, attribution of encrypted flows.

pub mod report;
