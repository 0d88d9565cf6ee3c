//! Hosts in containers: without memory files or `/proc`, with volumes that
//! everybody may write to, and users without a number.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use e2e::artifacts::{self, install, plugin};
use e2e::child::{Ended, run};

/// Runs a program without the right to make memory files.
const DENY: &str = r#"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        return 125;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 126;
}
"#;

/// A folder with a plugin, and a place for copies.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in [place.plugins(), place.copies()] {
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        install(&plugin("custom-logger"), &place.plugins(), "libcustom");
        place
    }

    fn plugins(&self) -> PathBuf {
        self.0.path().join("plugins")
    }

    fn copies(&self) -> PathBuf {
        self.0.path().join("copies")
    }

    /// Runs a component by a program that runs others.
    fn run_by(&self, command: &mut Command) -> Ended {
        run(command
            .arg(artifacts::wash_host())
            .args(["--log", "info,wash_plugin_loader=debug", "run", "--plugins"])
            .args([self.plugins(), artifacts::guest_path("log-command")])
            .env_remove("XDG_RUNTIME_DIR")
            .env("TMPDIR", self.copies()))
    }

    fn deny(&self) -> Command {
        let (source, program) = (self.0.path().join("deny.c"), self.0.path().join("deny"));
        fs::write(&source, DENY).unwrap();
        let built = Command::new("cc")
            .arg("-o")
            .args([&program, &source])
            .status();
        assert!(built.expect("there is a C compiler").success());
        Command::new(program)
    }

    /// Lists the plugins as a script of the shell has it, `$1` being the folder.
    fn list_by(&self, unshare: &str, script: &str) -> Option<Ended> {
        let unshare: Vec<&str> = unshare.split(' ').collect();
        let can = Command::new("unshare").args(&unshare).arg("true").output();
        if !can.is_ok_and(|output| output.status.success()) {
            println!("skipped: this user may not `unshare {unshare:?}`");
            return None;
        }
        let list = run(Command::new("unshare")
            .args(unshare)
            .args(["sh", "-ec", script, "sh"])
            .args([
                self.plugins(),
                artifacts::wash_host(),
                plugin("custom-logger"),
            ]));
        Some(list)
    }
}

#[test]
fn without_memory_files_a_copy_is_loaded() {
    let place = Place::new();
    let ended = place.run_by(&mut place.deny());
    ended.expect(
        0,
        &["a memory file cannot be made: Operation not permitted"],
    );
    assert!(ended.out.contains("log-command: 1 logged"), "{ended:#?}");
    // It is gone again; what else is there is the host's own.
    for entry in fs::read_dir(place.copies()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            !name.to_string_lossy().starts_with("wash-plugin-"),
            "{name:?}"
        );
    }
}

#[test]
fn sad_without_memory_files_and_a_place_for_copies() {
    let place = Place::new();
    fs::set_permissions(place.copies(), fs::Permissions::from_mode(0o777)).unwrap();
    let ended = place.run_by(&mut place.deny());
    ended.expect(
        69,
        &[
            "a memory file cannot be made: Operation not permitted",
            "allow the system call `memfd_create`",
            "its mode is 0777",
            "set TMPDIR to a directory",
        ],
    );
    assert!(!ended.err.contains("rebuild the plugin"), "{}", ended.err);
}

#[test]
fn without_proc_a_copy_is_loaded() {
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("skipped: this user may not unmount /proc");
        return;
    }
    let place = Place::new();
    let ended = place.run_by(Command::new("unshare").args([
        "-m",
        "sh",
        "-ec",
        "umount -l /proc; exec \"$@\"",
        "sh",
    ]));
    ended.expect(0, &["`/proc` is not mounted"]);
    assert!(ended.out.contains("log-command: 1 logged"), "{ended:#?}");
}

/// As Kubernetes mounts what a ConfigMap, a Secret or an image has.
#[test]
fn a_volume_that_nobody_can_write_to_is_accepted() {
    let place = Place::new();
    let mount = "mount -t tmpfs -o mode=0777 none $1; mkdir $1/..a; chmod 777 $1/..a; \
                 cp $3 $1/..a/libp.so; chmod 777 $1/..a/libp.so; ln -s ..a $1/..data; \
                 ln -s ..data/libp.so $1/libp.so;";
    let list = format!("{mount} mount -o remount,ro $1; exec $2 plugin list $1");
    if let Some(list) = place.list_by("-m", &list) {
        list.expect(0, &[]);
    }
    // An emptyDir, which others in the container can write to.
    let list = format!("{mount} exec $2 plugin list $1");
    if let Some(list) = place.list_by("-m", &list) {
        assert_eq!(list.code, 69, "{list:#?}");
        let words: Vec<&str> = list.out.split_whitespace().collect();
        let text = words.join(" ");
        for part in [
            "its mode is 0777",
            "help: mount the volume read-only for the host",
            "--allow-insecure-permissions",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
    let list = format!("{mount} exec $2 plugin list $1 --allow-insecure-permissions");
    if let Some(list) = place.list_by("-m", &list) {
        list.expect(0, &[]);
    }
}

/// What belongs to users without a number seems to belong to one of them.
#[test]
fn sad_an_owner_without_a_number() {
    let place = Place::new();
    let library = place.plugins().join("libcustom.so");
    if std::os::unix::fs::chown(&library, Some(12_345), None).is_err() {
        println!("skipped: only root can give files away");
        return;
    }
    let Some(list) = place.list_by("-U -r", "exec $2 plugin list $1") else {
        return;
    };
    assert_eq!(list.code, 69, "{list:#?}");
    let words: Vec<&str> = list.out.split_whitespace().collect();
    let text = words.join(" ");
    assert!(
        text.contains("has no number in the host's user namespace"),
        "{text}"
    );
    assert!(text.contains("map the owner's number"), "{text}");
    assert!(!text.contains("chown"), "{text}");
}
