/// Detects names that mix letters of several scripts, such as a Cyrillic а among Latin letters, and could be mistaken
/// for others. By UTS #39, section 5.2, at most "highly restrictive" is allowed: a single script, or a mixture that is
/// usual in Chinese, Japanese and Korean.
public enum NameScripts {
    /// Whether the letters of a name belong together.
    public static func areUsual(in name: String) -> Bool {
        let scripts = Set(name.unicodeScalars.compactMap(script))
        return scripts.count <= 1 || usualMixtures.contains { scripts.isSubset(of: $0) }
    }

    private static let usualMixtures: [Set<Substring>] = [
        ["Latin", "Han", "Hiragana", "Katakana"], ["Latin", "Han", "Bopomofo"], ["Latin", "Han", "Hangul"],
    ]

    /// nil: common to all scripts, such as digits and marks. Scripts rare in names count as one.
    private static func script(of scalar: Unicode.Scalar) -> Substring? {
        var (low, high) = (0, runs.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].start <= scalar.value { low = middle } else { high = middle }
        }
        return runs[low].script
    }

    private static let runs: [(start: UInt32, script: Substring?)] = table.split(separator: " ").map { entry in
        let parts = entry.split(separator: "=")
        return (UInt32(parts[0], radix: 16) ?? 0, parts[1] == "-" ? nil : parts[1])
    }

    /// Where a script begins, from Unicode's Scripts.txt; `-` is Common or Inherited. Unassigned code points belong to
    /// what precedes them: PRECIS refuses them.
    private static let table = """
        0=- 41=Latin 5b=- 61=Latin 7b=- aa=Latin ab=- ba=Latin bb=- c0=Latin d7=- d8=Latin f7=- f8=Latin 2b9=- \
        2e0=Latin 2e5=- 2ea=Bopomofo 2ec=- 370=Greek 374=- 375=Greek 37e=- 37f=Greek 385=- 386=Greek 387=- \
        388=Greek 3e2=Other 3f0=Greek 400=Cyrillic 485=- 487=Cyrillic 531=Armenian 591=Hebrew 600=Arabic 605=- \
        606=Arabic 60c=- 60d=Arabic 61b=- 61c=Arabic 61f=- 620=Arabic 640=- 641=Arabic 64b=- 656=Arabic 670=- \
        671=Arabic 6dd=- 6de=Arabic 700=Other 750=Arabic 780=Thaana 7c0=Other 870=Arabic 8e2=- 8e3=Arabic \
        900=Devanagari 951=- 955=Devanagari 964=- 966=Devanagari 980=Bengali a01=Gurmukhi a81=Gujarati b01=Oriya \
        b82=Tamil c00=Telugu c80=Kannada d00=Malayalam d81=Sinhala e01=Thai e3f=- e40=Thai e81=Lao f00=Tibetan \
        fd5=- fd9=Tibetan 1000=Myanmar 10a0=Georgian 10fb=- 10fc=Georgian 1100=Hangul 1200=Ethiopic 13a0=Other \
        16eb=- 16ee=Other 1735=- 1740=Other 1780=Khmer 1800=Other 1802=- 1804=Other 1805=- 1806=Other 19e0=Khmer \
        1a00=Other 1ab0=- 1b00=Other 1c80=Cyrillic 1c90=Georgian 1cc0=Other 1cd0=- 1d00=Latin 1d26=Greek \
        1d2b=Cyrillic 1d2c=Latin 1d5d=Greek 1d62=Latin 1d66=Greek 1d6b=Latin 1d78=Cyrillic 1d79=Latin 1dbf=Greek \
        1dc0=- 1e00=Latin 1f00=Greek 2000=- 2071=Latin 2074=- 207f=Latin 2080=- 2090=Latin 20a0=- 2126=Greek \
        2127=- 212a=Latin 212c=- 2132=Latin 2133=- 214e=Latin 214f=- 2160=Latin 2189=- 2800=Other 2900=- \
        2c00=Other 2c60=Latin 2c80=Other 2d00=Georgian 2d30=Other 2d80=Ethiopic 2de0=Cyrillic 2e00=- 2e80=Han \
        2ff0=- 3005=Han 3006=- 3007=Han 3008=- 3021=Han 302a=- 302e=Hangul 3030=- 3038=Han 303c=- 3041=Hiragana \
        3099=- 309d=Hiragana 30a0=- 30a1=Katakana 30fb=- 30fd=Katakana 3105=Bopomofo 3131=Hangul 3190=- \
        31a0=Bopomofo 31c0=- 31f0=Katakana 3200=Hangul 3220=- 3260=Hangul 327f=- 32d0=Katakana 32ff=- \
        3300=Katakana 3358=- 3400=Han 4dc0=- 4e00=Han a000=Other a640=Cyrillic a6a0=Other a700=- a722=Latin \
        a788=- a78b=Latin a800=Other a830=- a840=Other a8e0=Devanagari a900=Other a92e=- a92f=Other a960=Hangul \
        a980=Other a9cf=- a9d0=Other a9e0=Myanmar aa00=Other aa60=Myanmar aa80=Other ab01=Ethiopic ab30=Latin \
        ab5b=- ab5c=Latin ab65=Greek ab66=Latin ab6a=- ab70=Other ac00=Hangul e000=Other f900=Han fb00=Latin \
        fb13=Armenian fb1d=Hebrew fb50=Arabic fd3e=- fd40=Arabic fe00=- fe2e=Cyrillic fe30=- fe70=Arabic feff=- \
        ff21=Latin ff3b=- ff41=Latin ff5b=- ff66=Katakana ff70=- ff71=Katakana ff9e=- ffa0=Hangul ffe0=- \
        10000=Other 10100=- 10140=Greek 10190=- 101a0=Greek 101d0=- 10280=Other 102e0=- 10300=Other 10780=Latin \
        10800=Other 10e60=Arabic 10e80=Other 111e1=Sinhala 11200=Other 1133b=- 1133c=Other 11fc0=Tamil \
        12000=Other 16fe2=Han 16fe4=Other 16ff0=Han 17000=Other 1aff0=Katakana 1b001=Hiragana 1b120=Katakana \
        1b150=Hiragana 1b164=Katakana 1b170=Other 1bca0=- 1d200=Greek 1d2e0=- 1d800=Other 1df00=Latin \
        1e000=Other 1e7e0=Ethiopic 1e800=Other 1ec71=- 1ee00=Arabic 1f000=- 1f200=Hiragana 1f201=- 20000=Han
        """
}
