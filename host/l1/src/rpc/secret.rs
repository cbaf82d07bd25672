//! The signing key: from the environment or a file, never from the command line, where every user of the machine could read it.

use std::io::Read;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use thiserror::Error;
use zeroize::Zeroizing;

/// A key file holds 64 digits; a larger one is some other file.
const MAX_FILE_BYTES: u64 = 256;

/// A secp256k1 key that signs transactions. Wiped when dropped; `Debug` shows the address only.
pub struct SecretKey {
    signer: PrivateKeySigner,
}

/// Why a key cannot be used. No message repeats any of the key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// The variable is not set, or is no text.
    #[error("environment variable {name} holds no key")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read the key file {}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("key file {} may be read by others (mode {mode:o}): run chmod 600 on it", .path.display())]
    Mode {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 32 bytes in hexadecimal, or not in the range of keys.
    #[error("the key is not 64 hexadecimal digits of a secp256k1 key")]
    Format,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Reads 64 hexadecimal digits, with or without `0x`, from the environment variable `name`.
    ///
    /// # Errors
    /// Not set, or no key.
    pub fn from_env(name: &str) -> Result<Self, SecretKeyError> {
        let text = std::env::var(name).map_err(|_| SecretKeyError::Variable { name: name.to_owned() })?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads a file of 64 hexadecimal digits, with or without `0x`, that its owner alone may read.
    ///
    /// # Errors
    /// Unreadable, readable by others, or no key.
    pub fn from_file(path: &Path) -> Result<Self, SecretKeyError> {
        let failed = |source| SecretKeyError::File { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(SecretKeyError::Mode { path: path.to_owned(), mode });
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES as usize));
        file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text)
    }

    /// The account of the key.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    pub(super) fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0_u8; 32]);
        alloy_primitives::hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| SecretKeyError::Format)?;
        let signer = PrivateKeySigner::from_slice(bytes.as_ref()).map_err(|_| SecretKeyError::Format)?;
        Ok(Self { signer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first account of every test node: public knowledge.
    const TEST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const TEST_ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn key_gives_its_address_and_is_never_shown() {
        for text in [TEST_KEY.to_owned(), format!("{}\n", &TEST_KEY[2..])] {
            let key = SecretKey::parse(&text).expect("a key");
            assert_eq!(key.address().to_string(), TEST_ADDRESS);
            assert!(!format!("{key:?}").contains("ac0974"));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (zero, order) = ("0".repeat(64), "f".repeat(64));
        for text in ["", "0x", "12", &TEST_KEY[..65], zero.as_str(), order.as_str(), "zz"] {
            assert!(matches!(SecretKey::parse(text), Err(SecretKeyError::Format)), "{text:?}");
        }
        assert!(matches!(
            SecretKey::from_env("MILLRACE_TEST_NO_SUCH_VARIABLE"),
            Err(SecretKeyError::Variable { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn key_file_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        std::fs::write(&path, TEST_KEY).expect("write");
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        set(0o644).expect("chmod");
        assert!(matches!(SecretKey::from_file(&path), Err(SecretKeyError::Mode { mode: 0o644, .. })));
        set(0o600).expect("chmod");
        assert_eq!(SecretKey::from_file(&path).expect("a key").address().to_string(), TEST_ADDRESS);
        let missing = folder.path().join("none");
        assert!(matches!(SecretKey::from_file(&missing), Err(SecretKeyError::File { .. })));
    }
}
