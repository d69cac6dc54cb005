import XMPPServer

/// What can be set about uploads.
package struct UploadSettings: ModuleSettings {
    let domain: String?
    package let address: WebAddress?
    let directory: String
    let s3: S3FileStore.Settings?
    let maximumSize: Int
    let profileSize: Int
    let quota: Int
    let files: Int
    let totalQuota: Int
    let purposes: [UploadedFile.Purpose]
    let lifetime: Duration
    let slotTime: Duration
    let slotsPerMinute: Int
    package let origins: [String]

    package init(_ section: ConfigSection, in profile: ProfileSettings) {
        domain = section.optionalString("domain", "The service's domain; without it `upload.` and the host's.")
        address = section.optionalValue(
            "address", expected: "a web address", example: "\"https://files.example.com\"",
            "Where files are sent and fetched, if that is not the host's own site: the name of a proxy or content delivery "
                + "network in front of it. It passes on what is below `/upload/`.")
        directory = section.string(
            "directory", default: "uploads",
            "The directory of the files. Relative paths start at the data directory; there is a folder for each host in it."
        )
        maximumSize = section.byteCount(
            "maximum-size", default: 256 << 20, in: 1...(1 << 40), "How large a file may be.")
        s3 = S3FileStore.Settings(section.section("s3", "An S3-compatible store for the files."))
        if s3 != nil, maximumSize > S3FileStore.maximumSize {
            section.fail(
                "maximum-size", "an S3-compatible store takes no such file at once",
                fix: "set \(ByteCount(S3FileStore.maximumSize)) or less")
        }
        profileSize = section.byteCount(
            "profile-size", default: 8 << 20, in: 1...(1 << 40),
            "How large a file for a profile may be, such as a photo.")
        quota = section.byteCount(
            "quota", default: 4 << 30, in: 0...(1 << 50), "How much the files of one account may take, all in all.")
        files = section.integer(
            "files-per-account", default: 10_000, in: 1...1_000_000, "How many files an account may have.")
        totalQuota = section.byteCount(
            "total-quota", default: 100 << 30, in: 0...(1 << 60), "How much the files of all accounts may take.")
        purposes = section.choices(
            "purposes", default: UploadedFile.Purpose.allCases,
            "What files may be uploaded for. Those for a message are always taken.")
        lifetime = section.duration(
            "lifetime", default: .seconds(90 * 86_400), in: .seconds(60)...(.seconds(100 * 365 * 86_400)),
            "How long a file for a message is kept, and any that is meant for a while at the most. Files for a profile, and "
                + "permanent ones, stay until they are removed.")
        slotTime = section.duration(
            "slot-time", default: .seconds(300), in: .seconds(10)...(.seconds(86_400)),
            "How long a client may wait before it begins to send a file.")
        slotsPerMinute = section.integer(
            "slots-per-minute", default: 60, in: 0...1_000_000,
            "Files that an account may announce in a minute; 0: any number.")
        origins = section.strings(
            "origins", default: ["*"],
            "The origins of web clients that may send and fetch files by script (CORS), such as `https://chat.example`; `*` "
                + "is any.")
    }
}
