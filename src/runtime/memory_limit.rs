//! The memory limit of this process, which a container runtime or systemd sets by control groups (Linux, version 2).

use std::fs;
use std::path::Path;

/// In bytes; `None` without a limit, or where it cannot be read.
pub(super) fn find() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    lowest(Path::new("/sys/fs/cgroup"), &groups)
}

/// The lowest limit of the group of the process and of those that contain it.
fn lowest(root: &Path, groups: &str) -> Option<u64> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit = |group: &Path| {
        let text = fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        // Without a limit the text is "max".
        text.trim().parse().ok()
    };
    Path::new(group).ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_the_enclosing_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let pod = root.path().join("kubepods/pod1");
        fs::create_dir_all(pod.join("main")).unwrap();
        let write = |group: &Path, limit| fs::write(group.join("memory.max"), limit).unwrap();
        write(&pod.join("main"), "max\n");
        let groups = "1:name=systemd:/\n0::/kubepods/pod1/main\n";
        assert_eq!(lowest(root.path(), groups), None);
        write(&pod, "536870912\n");
        assert_eq!(lowest(root.path(), groups), Some(536_870_912));
        write(&pod.join("main"), "268435456\n");
        assert_eq!(lowest(root.path(), groups), Some(268_435_456));
        // Within a container its own group is the root.
        write(root.path(), "1048576\n");
        assert_eq!(lowest(root.path(), "0::/\n"), Some(1_048_576));
        // Only version 1.
        assert_eq!(lowest(root.path(), "4:memory:/pod\n"), None);
    }
}
