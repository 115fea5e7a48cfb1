//! The only place that knows `hdf5-pure`: text, numbers and shapes out of an HDF5 file, with typed failures.

use crate::error::{Error, ErrorKind};
use std::path::Path;

/// An open file and its name for messages.
pub(super) struct Hdf5 {
    file: hdf5_pure::File,
    name: String,
}

impl Hdf5 {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|e| Error::file(path, "read", &e))?;
        Self::from_bytes(path.display().to_string(), bytes)
    }

    pub(super) fn from_bytes(name: String, bytes: Vec<u8>) -> Result<Self, Error> {
        if !hdf5_pure::is_hdf5_bytes(&bytes) {
            return Err(Error::one(
                ErrorKind::Invalid,
                name,
                format!("this is not an HDF5 file ({} bytes without its signature)", bytes.len()),
                "NIR files are HDF5; write one with `nir.write` of the Python package",
            ));
        }
        let file = hdf5_pure::File::from_bytes(bytes).map_err(|e| broken(&name, &e))?;
        Ok(Self { file, name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_dataset(&self, path: &str) -> bool {
        self.file.dataset(path).is_ok()
    }

    pub(super) fn groups(&self, path: &str) -> Result<Vec<String>, Error> {
        let group = self.file.group(path).map_err(|e| self.fault(path, &e))?;
        let mut names = group.groups().map_err(|e| self.fault(path, &e))?;
        names.sort();
        Ok(names)
    }

    pub(super) fn texts(&self, path: &str) -> Result<Vec<String>, Error> {
        let dataset = self.file.dataset(path).map_err(|e| self.fault(path, &e))?;
        dataset.read_string().map_err(|e| self.fault(path, &e))
    }

    pub(super) fn shape(&self, path: &str) -> Result<Vec<u64>, Error> {
        let dataset = self.file.dataset(path).map_err(|e| self.fault(path, &e))?;
        dataset.shape().map_err(|e| self.fault(path, &e))
    }

    pub(super) fn numbers(&self, path: &str) -> Result<Vec<f64>, Error> {
        let dataset = self.file.dataset(path).map_err(|e| self.fault(path, &e))?;
        dataset.read_f64().map_err(|e| self.fault(path, &e))
    }

    fn fault(&self, path: &str, cause: &hdf5_pure::Error) -> Error {
        Error::one(
            ErrorKind::Invalid,
            format!("{}, dataset `{path}`", self.name),
            format!("cannot be read: {cause}"),
            "the file may be truncated or written by another version; write it again with `nir.write`",
        )
    }
}

fn broken(name: &str, cause: &hdf5_pure::Error) -> Error {
    Error::one(
        ErrorKind::Invalid,
        name,
        format!("the HDF5 structure cannot be read: {cause}"),
        "the file may be truncated; copy or write it again",
    )
}
