//! Lists of numbers, sizes and lengths as users type them.

/// Most numbers of a list.
const MOST: usize = 10_000;

/// `0.02,0.1..0.5:0.05`: numbers and ranges with a step, both ends included; ascending, each once. All must lie above 0 and be
/// at most `most`.
///
/// # Errors
/// Everything that is wrong, in words.
pub fn parse_numbers(text: &str, most: f64) -> Result<Vec<f64>, Vec<String>> {
    let (mut numbers, mut errors) = (Vec::new(), Vec::new());
    for item in text.split(',').map(str::trim) {
        match range(item) {
            Ok(found) => {
                for &bad in found.iter().filter(|x| !(**x > 0.0 && **x <= most)).take(1) {
                    errors.push(format!("`{item}`: {bad} is not above 0 and at most {most}"));
                }
                numbers.extend(found);
            }
            Err(error) => errors.push(error),
        }
    }
    if numbers.len() > MOST {
        errors.push(format!("{} numbers; at most {MOST} are taken", numbers.len()));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    Ok(numbers)
}

fn range(item: &str) -> Result<Vec<f64>, String> {
    const FORM: &str = "a number, or first..last:step";
    let number = |text: &str| {
        let value: Option<f64> = text.trim().parse().ok().filter(|x: &f64| x.is_finite());
        value.ok_or_else(|| format!("`{item}` is not {FORM}"))
    };
    let Some((first, rest)) = item.split_once("..") else { return Ok(vec![number(item)?]) };
    let Some((last, step)) = rest.split_once(':') else { return Err(format!("`{item}` is not {FORM}")) };
    let (first, last, step) = (number(first)?, number(last)?, number(step)?);
    if step <= 0.0 || last < first {
        return Err(format!("`{item}`: the step must be above 0 and the last not below the first"));
    }
    let steps = ((last - first) / step + 1e-6).floor();
    if steps >= MOST as f64 {
        return Err(format!("`{item}` is more than {MOST} numbers"));
    }
    // Nine decimals are as many as anybody types; what lies beyond is the error of the sum.
    Ok((0..=steps as u32).map(|i| ((first + f64::from(i) * step) * 1e9).round() / 1e9).collect())
}

/// `8x8`: columns and rows of routers.
///
/// # Errors
/// It is not of that form.
pub fn parse_mesh(text: &str) -> Result<(u16, u16), String> {
    let parts = text.split_once(['x', 'X']).map(|(w, h)| (w.trim().parse::<u16>(), h.trim().parse::<u16>()));
    match parts {
        Some((Ok(width), Ok(height))) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(format!("`{text}` is not columns x rows, such as 8x8, each 1 to {}", u16::MAX)),
    }
}

/// `4`, or `1..5` for every length between with the same probability.
///
/// # Errors
/// It is not of that form.
pub fn parse_flits(text: &str) -> Result<(u16, u16), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    match (least.trim().parse(), most.trim().parse()) {
        (Ok(least), Ok(most)) if least >= 1 && least <= most => Ok((least, most)),
        _ => Err(format!("`{text}` is not a number of flits, such as 4, or least..most, such as 1..5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(parse_numbers("0.02, 0.1..0.3:0.1,0.2", 1.0).unwrap(), [0.02, 0.1, 0.2, 0.3]);
        assert_eq!(parse_numbers("0.05..0.5:0.05", 1.0).unwrap().len(), 10);
        for bad in ["", "x", "0", "1.5", "0.1..0.5", "0.5..0.1:0.1", "0.1..0.5:0", "nan", "1e-9..1:1e-9"] {
            assert!(parse_numbers(bad, 1.0).is_err(), "{bad}");
        }
        assert_eq!(parse_numbers("x,0.1,2", 1.0).unwrap_err().len(), 2, "every fault is told");
    }

    #[test]
    fn sizes_and_lengths_are_read() {
        assert_eq!(parse_mesh("16x4"), Ok((16, 4)));
        assert_eq!((parse_flits("4"), parse_flits("1..5")), (Ok((4, 4)), Ok((1, 5))));
        for bad in ["8", "8x", "0x4", "70000x2", "-1x2"] {
            assert!(parse_mesh(bad).is_err(), "{bad}");
        }
        for bad in ["0", "5..1", "", "x"] {
            assert!(parse_flits(bad).is_err(), "{bad}");
        }
    }
}
