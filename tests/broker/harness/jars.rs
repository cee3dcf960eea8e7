//! The location of the broker's jars.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The pom by which the jars are downloaded. An equal copy next to them means that they are
/// complete and of this pom.
const POM: &str = include_str!("../../kafka/pom.xml");

pub(super) fn class_path() -> String {
    // Cargo's folder for tests is inside its target folder.
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("kafka-libs");
    let folder = env::var_os("TENURE_KAFKA_LIBS").map_or_else(default, PathBuf::from);
    let fetched_by = fs::read_to_string(folder.join("pom.xml"));
    assert!(
        fetched_by.is_ok_and(|pom| pom == POM),
        "the jars of tests/kafka/pom.xml are not in {}; run tests/run.sh, it fetches them",
        folder.display()
    );
    folder.join("*").to_str().unwrap().to_owned()
}
