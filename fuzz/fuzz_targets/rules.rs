#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swarmscope_fuzz::targets::rules(bytes));
