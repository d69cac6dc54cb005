import Testing
import XMPP

/// UTS #39 §5.2.
@Suite struct NameScriptsTests {
    @Test(arguments: [
        "romeo", "romeo.montague-7", "andré", "o'hara", "иван", "ιουλιέτα", "משה", "علی_2", "田中", "たなかtaro", "カナ田中abc",
        "김철수kim金", "ㄅㄆ漢abc", "", "123",
    ])
    func areUsual(_ name: String) { #expect(NameScripts.areUsual(in: name)) }

    @Test(arguments: [
        "rоmeo",  // a Cyrillic о
        "αlpha", "pαypal", "иvan", "a\u{561}", "漢и", "かな김", "ㄅか", "romeo\u{5D0}",
    ])
    func areMixed(_ name: String) { #expect(!NameScripts.areUsual(in: name)) }
}
