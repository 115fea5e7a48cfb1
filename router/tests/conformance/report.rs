//! Tables of measured curves, comparison digit by digit, and the report of a whole run.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

/// A CSV file with a header.
pub(crate) struct Table {
    pub(crate) file: String,
    pub(crate) columns: Vec<String>,
    /// Line in the file, counted from 1, and the cells.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// Reads a file; every row has as many cells as the header.
    pub(crate) fn read(path: &Path) -> Result<Table, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, header) = lines.next().ok_or("the file is empty")?;
        let columns = cells(header)?;
        let mut rows = Vec::new();
        for (i, line) in lines {
            let row = cells(line).map_err(|e| format!("line {}: {e}", i + 1))?;
            if row.len() != columns.len() {
                let (there, wanted) = (row.len(), columns.len());
                return Err(format!("line {}: {there} cells, the header has {wanted}", i + 1));
            }
            rows.push((i + 1, row));
        }
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Table { file, columns, rows })
    }

    /// Whether it has all these columns.
    pub(crate) fn has(&self, columns: &[&str]) -> bool {
        columns.iter().all(|column| self.columns.iter().any(|c| c == column))
    }
}

/// Cells of a line; a cell in double quotes may hold commas and doubled quotes.
fn cells(line: &str) -> Result<Vec<String>, String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        let last = found.len() - 1;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                found[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(String::new()),
            other => found[last].push(other),
        }
    }
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(found) }
}

/// A cell that cannot be understood.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) column: String,
    pub(crate) problem: String,
}

impl Fault {
    pub(crate) fn new(column: &str, problem: impl Into<String>) -> Self {
        Self { column: column.to_owned(), problem: problem.into() }
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    line: usize,
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The cell of a column.
    pub(crate) fn text(&self, column: &str) -> Result<&'a str, Fault> {
        let place = self.table.columns.iter().position(|c| c == column);
        place.map(|i| self.cells[i].trim()).ok_or_else(|| Fault::new(column, "there is no such column"))
    }

    /// The cell of a column as a number.
    pub(crate) fn number<T: FromStr>(&self, column: &str) -> Result<T, Fault> {
        let text = self.text(column)?;
        text.parse().map_err(|_| Fault::new(column, format!("`{text}` is not a number of its kind")))
    }

    /// The value of a name in a cell.
    pub(crate) fn one_of<T: Copy>(&self, column: &str, names: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.text(column)?;
        names.iter().find(|(name, _)| *name == text).map(|&(_, value)| value).ok_or_else(|| {
            let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            Fault::new(column, format!("`{text}` is not one of {}", known.join(", ")))
        })
    }
}

/// A cell that came out differently.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) column: String,
    pub(crate) wanted: String,
    pub(crate) got: String,
}

/// What became of a row.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was run again; these cells differ.
    Compared(Vec<Difference>),
    /// There is nothing to compare with, because the measured program gave up.
    Unusable(String),
    /// It could not be understood, or says that something went well that cannot.
    Unreadable(Fault),
}

/// Collects the differences of a row.
pub(crate) struct Comparison<'a> {
    row: Row<'a>,
    differences: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(row: Row<'a>) -> Self {
        Self { row, differences: Vec::new() }
    }

    /// The cell must be this text.
    pub(crate) fn text(&mut self, column: &str, got: impl fmt::Display) -> Result<(), Fault> {
        let (wanted, got) = (self.row.text(column)?, got.to_string());
        if wanted != got {
            let (column, wanted) = (column.to_owned(), wanted.to_owned());
            self.differences.push(Difference { column, wanted, got });
        }
        Ok(())
    }

    /// The cell must be this number as C++ streams print it: six significant digits.
    pub(crate) fn general(&mut self, column: &str, got: f64) -> Result<(), Fault> {
        self.text(column, general(got))
    }

    pub(crate) fn finish(self) -> Outcome {
        Outcome::Compared(self.differences)
    }
}

/// A number in C's format `%g`: six significant digits, no zeros at the end, an exponent below 1e-4 and from 1e6 on.
pub(crate) fn general(value: f64) -> String {
    const DIGITS: i32 = 6;
    if !value.is_finite() {
        let sign = if value.is_sign_negative() { "-" } else { "" };
        return format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" });
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    // The exponent after rounding decides, as in C.
    let scientific = format!("{value:.*e}", (DIGITS - 1) as usize);
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust writes an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let strip = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }.to_owned()
    };
    if (-4..DIGITS).contains(&exponent) {
        strip(&format!("{value:.*}", (DIGITS - 1 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", strip(mantissa), exponent.abs())
    }
}

/// Runs a row again and compares it.
pub(crate) type Check = fn(&Row<'_>) -> Outcome;

/// A kind of file: the columns it is known by and what is done with its rows.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) check: Check,
}

/// Counts of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) compared: usize,
    pub(crate) failed: usize,
    pub(crate) unusable: usize,
}

/// Writes past the capture of the test harness: a run of minutes should show that it lives.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads: then nobody misses it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Checks all rows of all CSV files of the folders, on two threads, and reports them in order.
pub(crate) fn run(folders: &[PathBuf], kinds: &[Kind]) -> Totals {
    let mut totals = Totals::default();
    let mut jobs: Vec<(Check, &'static str, Table)> = Vec::new();
    let mut refuse = |what: &Path, why: &str| {
        say(&format!("{}: {why}\n", what.display()));
        totals.failed += 1;
    };
    for folder in folders {
        let files = match csv_files(folder) {
            Ok(files) if files.is_empty() => {
                refuse(folder, "there is no CSV file in it");
                continue;
            }
            Ok(files) => files,
            Err(e) => {
                refuse(folder, &e.to_string());
                continue;
            }
        };
        for path in files {
            match Table::read(&path) {
                Err(why) => refuse(&path, &why),
                Ok(table) => match kinds.iter().find(|kind| table.has(kind.columns)) {
                    Some(kind) => jobs.push((kind.check, kind.name, table)),
                    None => refuse(&path, "its columns are those of no known kind of file"),
                },
            }
        }
    }
    for (_, kind, table) in &jobs {
        say(&format!("{}: {} rows of {kind}\n", table.file, table.rows.len()));
    }
    let rows: Vec<(Check, Row<'_>)> = jobs
        .iter()
        .flat_map(|(check, _, table)| {
            table.rows.iter().map(move |(line, cells)| (*check, Row { table, line: *line, cells }))
        })
        .collect();
    check_all(&rows, &mut totals);
    let Totals { compared, failed, unusable } = totals;
    if unusable > 0 {
        say(&format!("conformance: {unusable} more rows hold no results\n"));
    }
    say(&format!("conformance: {compared} rows, {failed} failed\n"));
    totals
}

fn csv_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")));
    files.sort();
    Ok(files)
}

/// Results wait here until all rows before them are told.
struct Progress<'t> {
    next: usize,
    told: usize,
    results: Vec<Option<Outcome>>,
    totals: &'t mut Totals,
}

fn check_all(rows: &[(Check, Row<'_>)], totals: &mut Totals) {
    let results = rows.iter().map(|_| None).collect();
    let progress = Mutex::new(Progress { next: 0, told: 0, results, totals });
    let lock = || progress.lock().expect("a check that panics ends the test");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let mut now = lock();
                    let Some(&(check, row)) = rows.get(now.next) else { return };
                    let own = now.next;
                    now.next += 1;
                    drop(now);
                    let outcome = check(&row);
                    lock().tell(own, outcome, rows);
                }
            });
        }
    });
}

impl Progress<'_> {
    fn tell(&mut self, own: usize, outcome: Outcome, rows: &[(Check, Row<'_>)]) {
        self.results[own] = Some(outcome);
        while let Some(outcome) = self.results.get_mut(self.told).and_then(Option::take) {
            let row = &rows[self.told].1;
            self.told += 1;
            say(&self.line(row, outcome, rows.len()));
        }
    }

    fn line(&mut self, row: &Row<'_>, outcome: Outcome, all: usize) -> String {
        let place = format!("{} row {}", row.table.file, row.line);
        let set = row.text("set").unwrap_or_default();
        let mut text = format!("[{}/{all}] {place} {set}: ", self.told);
        let failed = match &outcome {
            Outcome::Compared(differences) => {
                self.totals.compared += 1;
                text.push_str(if differences.is_empty() { "equal\n" } else { "DIFFERS\n" });
                for Difference { column, wanted, got } in differences {
                    let _ = writeln!(text, "  {place} column {column}: wanted {wanted}, got {got}");
                }
                !differences.is_empty()
            }
            Outcome::Unusable(why) => {
                self.totals.unusable += 1;
                let _ = writeln!(text, "unusable: {why}");
                false
            }
            Outcome::Unreadable(Fault { column, problem }) => {
                let _ = writeln!(text, "UNREADABLE\n  {place} column {column}: {problem}");
                true
            }
        };
        self.totals.failed += usize::from(failed);
        text
    }
}

#[test]
fn numbers_are_printed_as_c_prints_them() {
    for (value, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (0.1 + 0.2, "0.3"),
        (3779.0 / 3000.0, "1.25967"),
        (0.000_555_555_6, "0.000555556"),
        (0.000_055_555_56, "5.55556e-05"),
        (999_999.4, "999999"),
        (999_999.5, "1e+06"),
        (1_234_567.0, "1.23457e+06"),
        (-12.5, "-12.5"),
        (9.999_999_9e-5, "0.0001"),
        (f64::NAN, "nan"),
    ] {
        assert_eq!(general(value), text);
    }
}

#[test]
fn quoted_cells_may_hold_commas() {
    assert_eq!(cells(r#"a,"[(27, 0.2)]",,"b""c""#).unwrap(), ["a", "[(27, 0.2)]", "", "b\"c"]);
    assert!(cells("a,\"b").is_err());
}
