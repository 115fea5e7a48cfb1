//! Whole-number arrays from NumPy's NPZ files.

use crate::error::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Elements of an array, 2 GiB of memory.
const MOST_ELEMENTS: u64 = 1 << 28;

/// Whole numbers in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<i64>,
}

/// A fault in a file's content.
pub(crate) fn fault(path: &Path, what: impl Into<String>, hint: &str) -> Error {
    Error::one(ErrorKind::Invalid, path.display().to_string(), what, hint)
}

/// An NPZ file.
type Archive = npyz::npz::NpzArchive<std::io::BufReader<std::fs::File>>;

fn open(path: &Path, hint: &str) -> Result<Archive, Error> {
    let file = std::fs::File::open(path).map_err(|e| Error::file(path, "read", &e))?;
    Archive::new(std::io::BufReader::new(file)).map_err(|e| fault(path, format!("not an NPZ file: {e}"), hint))
}

/// The named arrays of an NPZ file; absent ones are left out.
pub(crate) fn read_npz(path: &Path, names: &[&str]) -> Result<BTreeMap<String, Array>, Error> {
    let hint = "write the file with numpy.savez; whole numbers only";
    let mut archive = open(path, hint)?;
    let mut arrays = BTreeMap::new();
    for &name in names {
        let broken = |e: std::io::Error| fault(path, format!("array `{name}` cannot be read: {e}"), hint);
        if let Some(npy) = archive.by_name(name).map_err(broken)? {
            let array = read_npy(npy).map_err(broken)?;
            arrays.insert(name.to_owned(), array);
        }
    }
    Ok(arrays)
}

/// An array of reals or whole numbers of an NPZ file, as reals; `None` if it is absent.
pub(crate) fn read_reals(path: &Path, name: &str) -> Result<Option<Vec<f64>>, Error> {
    let hint = "write the file with numpy.savez";
    let mut archive = open(path, hint)?;
    let broken = |e: std::io::Error| fault(path, format!("array `{name}` cannot be read: {e}"), hint);
    let Some(npy) = archive.by_name(name).map_err(broken)? else { return Ok(None) };
    reals(npy).map(Some).map_err(broken)
}

/// The reals or whole numbers of an NPY file.
pub(crate) fn read_real_npy(path: &Path) -> Result<Vec<f64>, Error> {
    let bytes = std::fs::read(path).map_err(|e| Error::file(path, "read", &e))?;
    let broken =
        |e: std::io::Error| fault(path, format!("not an array of numbers: {e}"), "write it with numpy.save");
    npyz::NpyFile::new(&bytes[..]).and_then(reals).map_err(broken)
}

fn reals<R: Read>(npy: npyz::NpyFile<R>) -> std::io::Result<Vec<f64>> {
    use npyz::{DType, TypeChar};
    if let DType::Plain(kind) = npy.dtype() {
        match (kind.type_char(), kind.num_bytes()) {
            (TypeChar::Float, Some(4)) => {
                return Ok(npy.into_vec::<f32>()?.into_iter().map(f64::from).collect());
            }
            (TypeChar::Float, Some(8)) => return npy.into_vec::<f64>(),
            _ => {}
        }
    }
    Ok(read_npy(npy)?.values.into_iter().map(|v| v as f64).collect())
}

/// Writes whole numbers as an NPY file of one dimension.
pub(crate) fn write_npy(path: &Path, values: &[i32]) -> Result<(), Error> {
    use npyz::WriterBuilder;
    let write = || -> std::io::Result<()> {
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let shape = [values.len() as u64];
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    };
    write().map_err(|e| Error::file(path, "write", &e))
}

/// Writes an archive of named arrays of one dimension.
pub(crate) fn write_npz<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (String, &'a [i32])>,
) -> Result<(), Error> {
    use npyz::WriterBuilder;
    let write = || -> std::io::Result<()> {
        let mut archive = npyz::npz::NpzWriter::create(path)?;
        for (name, values) in arrays {
            let array = archive.array(&name, Default::default())?.default_dtype();
            let mut array = array.shape(&[values.len() as u64]).begin_nd()?;
            array.extend(values.iter().copied())?;
            array.finish()?;
        }
        Ok(())
    };
    write().map_err(|e| Error::file(path, "write", &e))
}

fn read_npy<R: Read>(npy: npyz::NpyFile<R>) -> std::io::Result<Array> {
    use npyz::{DType, Order, TypeChar};
    let shape: Vec<usize> = npy.shape().iter().map(|&d| d as usize).collect();
    let elements = npy.shape().iter().try_fold(1u64, |product, d| product.checked_mul(*d));
    let invalid = |what: String| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    if elements.is_none_or(|n| n > MOST_ELEMENTS) {
        return Err(invalid(format!("its shape is {shape:?}; at most {MOST_ELEMENTS} elements are read")));
    }
    let DType::Plain(kind) = npy.dtype() else { return Err(invalid("it is a structured array".into())) };
    if npy.order() == Order::Fortran && shape.len() > 1 {
        return Err(invalid("it is in Fortran order".into()));
    }
    fn read<T: npyz::Deserialize + Into<i64>, R: Read>(npy: npyz::NpyFile<R>) -> std::io::Result<Vec<i64>> {
        Ok(npy.into_vec::<T>()?.into_iter().map(Into::into).collect())
    }
    let values = match (kind.type_char(), kind.num_bytes()) {
        (TypeChar::Bool, _) => npy.into_vec::<bool>()?.into_iter().map(i64::from).collect(),
        (TypeChar::Uint, Some(1)) => read::<u8, R>(npy)?,
        (TypeChar::Uint, Some(2)) => read::<u16, R>(npy)?,
        (TypeChar::Uint, Some(4)) => read::<u32, R>(npy)?,
        (TypeChar::Uint, Some(8)) => {
            let values = npy.into_vec::<u64>()?.into_iter().map(i64::try_from);
            values.collect::<Result<_, _>>().map_err(|_| invalid("a value is beyond 2^63".into()))?
        }
        (TypeChar::Int, Some(1)) => read::<i8, R>(npy)?,
        (TypeChar::Int, Some(2)) => read::<i16, R>(npy)?,
        (TypeChar::Int, Some(4)) => read::<i32, R>(npy)?,
        (TypeChar::Int, Some(8)) => read::<i64, R>(npy)?,
        _ => return Err(invalid(format!("its type is {}; wanted whole numbers", kind))),
    };
    Ok(Array { shape, values })
}
