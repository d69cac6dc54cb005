import Foundation

/// The user whom the data directory belongs to.
struct DataOwner {
    let user: uid_t
    let group: gid_t

    /// - Returns: nil if there is no such directory.
    init?(of directory: String) {
        var info = stat()
        guard stat(directory, &info) == 0 else { return nil }
        user = info.st_uid
        group = info.st_gid
    }

    /// Has a process of root go on as this user: what root wrote the server could not change.
    func act() throws {
        guard geteuid() == 0, user != 0 else { return }
        var groups = [group]
        guard setgroups(1, &groups) == 0, setgid(group) == 0, setuid(user) == 0 else {
            throw Failure("cannot act as the owner of the data directory: \(String(cString: strerror(errno)))")
        }
    }
}
