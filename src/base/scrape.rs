//! How many addresses the Bloom filter of a DHT scrape holds (BEP 33).

/// 2,048 bits, two of them set for each address.
pub type ScrapeFilter = [u8; 256];

/// How many addresses the filter is likely to hold: 0 when empty, 7,806 when all but one bit is set. A full one, in which the
/// BEP's formula finds infinitely many, counts as that.
#[must_use]
pub fn scrape_estimate(filter: &ScrapeFilter) -> f64 {
    const BITS: f64 = 2048.0;
    let zeros = filter.iter().map(|byte| byte.count_zeros()).sum::<u32>();
    // The BEP caps the zero bits at 2,047, and so finds half an address in an empty filter.
    if zeros == 2048 {
        return 0.0;
    }
    (f64::from(zeros.max(1)) / BITS).ln() / (2.0 * (1.0 - 1.0 / BITS).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_grows_with_the_bits_and_is_bounded() {
        let filled = |bytes: usize| {
            let mut filter = [0; 256];
            filter.iter_mut().take(bytes).for_each(|byte| *byte = 0xff);
            scrape_estimate(&filter)
        };
        assert_eq!(filled(0).to_bits(), 0f64.to_bits());
        assert!((1..=256).all(|n| filled(n) > filled(n - 1)));
        assert_eq!(filled(256).round() as u32, 7_806);
    }
}
