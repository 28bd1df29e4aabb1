"""Every refusal of scoring, in one place: a stable code, what is wrong and what to change, in English and Indonesian.

A refusal names the field it is about as the request has it (`path.…` for the address, else a field of the body), the
value where one was given, and the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal

from kernel.decider import FieldFault, Refusal, Text
from schemas.envelope import Stage
from schemas.exact import Locale
from services.scoring.domain.local_time import told

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422


def _refusal(
    code: str,
    detail: Text,
    *,
    path: str,
    remedy: Text,
    value: str | None = None,
    status: int = 409,
    recorded: bool = True,
) -> Refusal:
    return Refusal(code, detail, status, (FieldFault(path, value, remedy),), recorded)


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _comma(number: Decimal) -> str:
    """Return a number as an Indonesian writes it, with a decimal comma."""
    return _plain(number).replace(".", ",")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "-"


# --- opening, closing, sealing -------------------------------------------------------------------------------------


def season_unknown(season: str) -> Refusal:
    """The season has no rulebook here."""
    return _refusal(
        "season-unknown",
        Text(f"The season {season} has no rulebook yet.", f"Musim {season} belum memiliki juknis."),
        path="path.season",
        value=season,
        remedy=Text("Open the season with its rulebook first.", "Buka musim beserta juknisnya terlebih dahulu."),
        status=NOT_FOUND,
        recorded=False,
    )


def stage_unknown(at: Stage, known: Sequence[str]) -> Refusal:
    """The rulebook has no such stage for the category, as an interview for micro companies in 2020."""
    return _refusal(
        "stage-unknown",
        Text(
            f"The rulebook of {at.season} has no stage {at.stage} for {at.category} at the {at.tier} tier.",
            f"Juknis {at.season} tidak memiliki tahap {at.stage} untuk {at.category} pada tingkat {at.tier}.",
        ),
        path="path.stage",
        value=at.stage,
        remedy=Text(f"Choose one of: {_list(known)}.", f"Pilih salah satu dari: {_list(known)}."),
        status=NOT_FOUND,
        recorded=False,
    )


def already_open(at: Stage) -> Refusal:
    """A stage opens once."""
    return _refusal(
        "already-open",
        Text("Scoring of this stage was opened before.", "Penilaian tahap ini sudah dibuka sebelumnya."),
        path="path.stage",
        value=at.stage,
        remedy=Text("Go on with the stage as it is.", "Lanjutkan dengan tahap yang sudah ada."),
    )


def body_not_formed(at: Stage, body: str) -> Refusal:
    """Nobody can score before the deciding body exists."""
    return _refusal(
        "body-not-formed",
        Text(
            f"The body {body} is not formed for {at.season} in {at.province}.",
            f"Badan {body} belum dibentuk untuk {at.season} di {at.province}.",
        ),
        path="path.province",
        value=at.province,
        remedy=Text("Form the body by its decree first.", "Bentuk badan itu dengan surat keputusan lebih dahulu."),
    )


def outside_term(body: str, day: date, terms: Sequence[tuple[date, date]]) -> Refusal:
    """A body acts, and its members score, on the days of its terms only."""
    listed = "; ".join(f"{first}/{last}" for first, last in terms)
    return _refusal(
        "outside-term",
        Text(
            f"On {day} the body {body} is not in office; its term is {listed}.",
            f"Pada {day} badan {body} tidak dalam masa tugas; masa tugasnya {listed}.",
        ),
        path="path.stage",
        value=f"{day}",
        remedy=Text(
            "Act on a day inside the term, or have the body renewed by another decree first.",
            "Bertindaklah pada hari di dalam masa tugas, atau mintalah badan itu diperpanjang dahulu dengan surat "
            "keputusan lain.",
        ),
    )


def window_over(closes: datetime, zone: str) -> Refusal:
    """A stage opened after its window could never be scored."""
    return _refusal(
        "window-over",
        Text(
            f"The scoring window of this stage ended at {_when(closes)}.",
            f"Jendela penilaian tahap ini berakhir pada {told(closes, zone)}.",
        ),
        path="path.stage",
        remedy=Text(
            "Have the season's rulebook amended with a later window, then open the stage.",
            "Mintalah perubahan juknis musim dengan jendela yang lebih lambat, lalu buka tahap ini.",
        ),
    )


def not_opened(at: Stage) -> Refusal:
    """Nothing happens at a stage before it opens."""
    return _refusal(
        "scoring-not-opened",
        Text("Scoring of this stage has not been opened.", "Penilaian tahap ini belum dibuka."),
        path="path.stage",
        value=at.stage,
        remedy=Text("Ask the committee's secretary to open it.", "Mintalah sekretaris panitia membukanya."),
    )


def before_deadline(closes: datetime, zone: str) -> Refusal:
    """Closing and sealing wait for the deadline, its last second included."""
    return _refusal(
        "before-deadline",
        Text(f"Sheets may be filed until {_when(closes)}.", f"Lembar nilai dapat diisi sampai {told(closes, zone)}."),
        path="path.stage",
        remedy=Text("Come back after the deadline.", "Ulangi setelah batas waktu."),
    )


def already_closed(at: Stage) -> Refusal:
    """A stage closes once."""
    return _refusal(
        "already-closed",
        Text("Scoring of this stage is closed already.", "Penilaian tahap ini sudah ditutup."),
        path="path.stage",
        value=at.stage,
        remedy=Text("Go on to seal the ranking.", "Lanjutkan dengan menyegel peringkat."),
    )


def not_closed() -> Refusal:
    """A seal needs a closed stage."""
    return _refusal(
        "scoring-not-closed",
        Text("Scoring of this stage is not closed yet.", "Penilaian tahap ini belum ditutup."),
        path="path.stage",
        remedy=Text("Close the stage, then seal it.", "Tutup tahap ini, lalu segel."),
    )


def already_sealed(seal: str) -> Refusal:
    """A sealed ranking never moves; only an order that cites the seal replaces it."""
    return _refusal(
        "already-sealed",
        Text(f"This ranking is sealed ({seal}).", f"Peringkat ini sudah disegel ({seal})."),
        path="path.stage",
        remedy=Text(
            "It is sealed anew only after an order that cites this seal.",
            "Penyegelan ulang hanya setelah ada perintah yang menyebut segel ini.",
        ),
    )


def not_the_office(acting: Sequence[str]) -> Refusal:
    """Who scores or votes in a body does not act for it, unless the rulebook names its office."""
    return _refusal(
        "not-the-office",
        Text(
            "You sit in this body in an office that does not act for it.",
            "Jabatan Anda dalam badan ini tidak bertindak atas namanya.",
        ),
        path="office",
        remedy=Text(f"Ask the holder of: {_list(acting)}.", f"Mintalah pemegang jabatan: {_list(acting)}."),
        status=FORBIDDEN,
    )


def appeal_pending(appeals: Sequence[str]) -> Refusal:
    """An appeal against an earlier decision holds the stage: sheets go on, its close and its seal wait."""
    return _refusal(
        "stage-frozen",
        Text(
            f"The stage is frozen by an appeal that is not decided yet: {_list(appeals)}.",
            f"Tahap ini dibekukan oleh sanggah yang belum diputus: {_list(appeals)}.",
        ),
        path="path.stage",
        value=appeals[0],
        remedy=Text(
            "Close and seal it once the plenary has decided the appeal; sheets can be filed until the deadline.",
            "Tutup dan segel setelah sidang pleno memutus sanggah; lembar nilai dapat diisi sampai batas waktunya.",
        ),
    )


def verdict_on_its_way(rankings: Sequence[str]) -> Refusal:
    """An appeal against an earlier ranking was upheld, and its corrected figures have not arrived here yet."""
    return _refusal(
        "verdict-on-its-way",
        Text(
            f"Figures carried from {_list(rankings)} were corrected by a verdict that has not arrived here yet.",
            f"Nilai yang dibawa dari {_list(rankings)} dikoreksi oleh putusan sanggah yang belum diterima di sini.",
        ),
        path="path.stage",
        value=rankings[0],
        remedy=Text(
            "Seal the ranking again in a moment, once the verdict has arrived.",
            "Segel kembali peringkat sesaat lagi, setelah putusan sanggah diterima.",
        ),
    )


def source_to_be_sealed_anew(rankings: Sequence[str]) -> Refusal:
    """What an earlier seal says does not hold any more, and what takes its place is not there yet."""
    return _refusal(
        "source-to-be-sealed-anew",
        Text(
            f"Figures are carried from {_list(rankings)}, which is ordered to be sealed anew.",
            f"Nilai dibawa dari {_list(rankings)}, yang diperintahkan untuk disegel ulang.",
        ),
        path="path.stage",
        value=rankings[0],
        remedy=Text(
            "Have that ranking sealed anew first, then seal this one.",
            "Mintalah peringkat itu disegel ulang lebih dahulu, lalu segel peringkat ini.",
        ),
    )


# --- the season's holds --------------------------------------------------------------------------------------------


def season_frozen(season: str) -> Refusal:
    """Two administrators froze the season: nothing of it changes until it is unfrozen."""
    return _refusal(
        "season-frozen",
        Text(f"The season {season} is frozen.", f"Musim {season} sedang dibekukan."),
        path="season",
        value=season,
        remedy=Text(
            "Wait until two administrators unfreeze the season; nothing that was filed is lost.",
            "Tunggu sampai dua administrator mencabut pembekuan; semua yang sudah diisi tetap tersimpan.",
        ),
    )


def season_closed(season: str) -> Refusal:
    """A closed season is over for good."""
    return _refusal(
        "season-closed",
        Text(f"The season {season} is closed.", f"Musim {season} sudah ditutup."),
        path="season",
        value=season,
        remedy=Text("Read its results; nothing can be changed.", "Lihat hasilnya; tidak ada lagi yang dapat diubah."),
    )


# --- extending and drawing scorers ---------------------------------------------------------------------------------


def closed_before_extension(at: Stage) -> Refusal:
    """A closed stage is not opened again by a later deadline."""
    return _refusal(
        "closed-before-extension",
        Text(
            "Scoring of this stage is closed; its deadline can no longer be extended.",
            "Penilaian tahap ini sudah ditutup; batas waktunya tidak dapat diperpanjang lagi.",
        ),
        path="path.stage",
        value=at.stage,
        remedy=Text("Go on to seal the ranking.", "Lanjutkan dengan menyegel peringkat."),
    )


def extension_not_later(until: datetime, after: datetime, zone: str) -> Refusal:
    """An extension moves the deadline on, to an instant that is still to come."""
    return _refusal(
        "extension-not-later",
        Text(
            "An extension ends after the present deadline, and in the future.",
            "Perpanjangan harus berakhir setelah batas waktu yang berlaku, dan setelah saat ini.",
        ),
        path="until",
        value=_when(until),
        remedy=Text(f"Give an instant after {_when(after)}.", f"Beri waktu setelah {told(after, zone)}."),
        status=UNPROCESSABLE,
    )


def extension_beyond_season(until: datetime, last: datetime, zone: str) -> Refusal:
    """No window reaches beyond the season that the rulebook's calendar states."""
    return _refusal(
        "extension-beyond-season",
        Text(f"The season ends at {_when(last)}.", f"Musim berakhir pada {told(last, zone)}."),
        path="until",
        value=_when(until),
        remedy=Text(
            f"Give an instant up to {_when(last)}, or have the season's calendar amended first.",
            f"Beri waktu paling lambat {told(last, zone)}, atau mintalah perubahan kalender musim lebih dahulu.",
        ),
        status=UNPROCESSABLE,
    )


def all_members_score(at: Stage) -> Refusal:
    """Scorers are drawn only where the rulebook has some members score each nominee."""
    return _refusal(
        "all-members-score",
        Text(
            "The rulebook of this stage draws no scorers: every member scores every nomination.",
            "Juknis tahap ini tidak mengundi penilai: setiap anggota menilai setiap usulan.",
        ),
        path="path.stage",
        value=at.stage,
        remedy=Text("Let the members score.", "Persilakan para anggota menilai."),
    )


def nobody_to_draw(wanted: int) -> Refusal:
    """A draw that adds nobody is none."""
    return _refusal(
        "nobody-to-draw",
        Text(
            f"Every nomination has its {wanted} scorers, or all members who may score it.",
            f"Setiap usulan sudah memiliki {wanted} penilai, atau seluruh anggota yang boleh menilainya.",
        ),
        path="path.stage",
        remedy=Text(
            "See the checklist; draw again after a member is appointed, removed or recused. What was recorded of that "
            "just now may reach scoring a moment later: then wait a few seconds and draw again.",
            "Lihat daftar periksa; undi lagi setelah ada anggota yang diangkat, diberhentikan, atau dikecualikan. Yang "
            "baru saja dicatat dapat sampai ke sini beberapa saat kemudian: tunggu sebentar, lalu undi lagi.",
        ),
    )


# --- who may write on a sheet --------------------------------------------------------------------------------------


def not_a_member(body: str) -> Refusal:
    """Only members of the deciding body score."""
    return _refusal(
        "not-a-member",
        Text(f"You are not a member of the body {body}.", f"Anda bukan anggota badan {body}."),
        path="office",
        remedy=Text(
            "Have your appointment recorded by the committee's secretary.",
            "Mintalah sekretaris panitia mencatat pengangkatan Anda.",
        ),
        status=FORBIDDEN,
    )


def member_removed(body: str) -> Refusal:
    """A removed member files nothing more; what was filed stays in the record."""
    return _refusal(
        "member-removed",
        Text(f"You are no longer a member of the body {body}.", f"Anda bukan lagi anggota badan {body}."),
        path="office",
        remedy=Text(
            "Your earlier sheets stay in the record; your successor scores.",
            "Lembar nilai Anda tetap tercatat; pengganti Anda yang menilai.",
        ),
        status=FORBIDDEN,
    )


def office_without_sheet(office: str) -> Refusal:
    """A clerk keeps the record and has no sheet."""
    return _refusal(
        "office-without-sheet",
        Text(f"The office {office} keeps the record and does not score.", f"Jabatan {office} mencatat, tidak menilai."),
        path="office",
        value=office,
        remedy=Text("Leave the scoring to the members.", "Serahkan penilaian kepada para anggota."),
        status=FORBIDDEN,
    )


_RECUSED: Final = {
    "declared": Text(
        "You declared an interest here and may not score this nomination.",
        "Anda menyatakan benturan kepentingan dan tidak boleh menilai usulan ini.",
    ),
    "own-employer": Text(
        "The nominee is your own employer; you may not score it.",
        "Calon ini adalah tempat Anda bekerja; Anda tidak boleh menilainya.",
    ),
    "own-government": Text(
        "The nominee is your own government; you may not score it.",
        "Calon ini adalah pemerintah daerah Anda sendiri; Anda tidak boleh menilainya.",
    ),
}


def recused(reason: Literal["declared", "own-employer", "own-government"] = "declared") -> Refusal:
    """An interest, declared or by one's own employer or government, keeps a member from scoring, within its scope."""
    return _refusal(
        "recused",
        _RECUSED[reason],
        path="path.nomination",
        value=reason,
        remedy=Text("Score the other nominations.", "Nilailah usulan yang lain."),
        status=FORBIDDEN,
    )


def not_drawn_yet() -> Refusal:
    """Where scorers are drawn, nobody scores a nomination before its draw."""
    return _refusal(
        "not-drawn-yet",
        Text(
            "The members who score this nomination have not been drawn yet.",
            "Anggota yang menilai usulan ini belum diundi.",
        ),
        path="path.nomination",
        remedy=Text("Ask the committee's secretary to draw them.", "Mintalah sekretaris panitia mengundinya."),
    )


def not_assigned() -> Refusal:
    """Where scorers are drawn, only those drawn score."""
    return _refusal(
        "not-assigned",
        Text(
            "Other members were drawn to score this nomination.", "Usulan ini dinilai oleh anggota lain hasil undian."
        ),
        path="path.nomination",
        remedy=Text("Score the nominations in the list of your sheets.", "Nilailah usulan dalam daftar lembar Anda."),
        status=FORBIDDEN,
    )


def has_seen_marks() -> Refusal:
    """Whoever saw others' marks, or what they add up to, before the seal gives none."""
    return _refusal(
        "marks-seen",
        Text(
            "You have read others' marks or the provisional ranking of this stage, so you cannot mark here any more.",
            "Anda sudah membaca nilai anggota lain atau peringkat sementara tahap ini, sehingga tidak dapat lagi "
            "menilai di sini.",
        ),
        path="path.stage",
        remedy=Text(
            "Leave the marks to the other members; the secretary can appoint another one to the seat.",
            "Serahkan penilaian kepada anggota lain; sekretaris dapat mengangkat anggota lain untuk kursi ini.",
        ),
        status=FORBIDDEN,
    )


def not_open_yet(opens: datetime, zone: str) -> Refusal:
    """Sheets are received from the window's first instant on."""
    return _refusal(
        "not-open-yet",
        Text(f"Scoring opens at {_when(opens)}.", f"Penilaian dibuka pada {told(opens, zone)}."),
        path="path.stage",
        remedy=Text("Come back then.", "Kembalilah pada waktu itu."),
    )


def deadline_passed(closes: datetime, received: datetime, zone: str) -> Refusal:
    """The receipt instant judges lateness."""
    return _refusal(
        "deadline-passed",
        Text(
            f"Sheets were received until {_when(closes)}; this one came at {_when(received)}.",
            f"Lembar nilai diterima sampai {told(closes, zone)}; "
            f"yang ini tiba pada {told(received, zone, to_the_second=True)}.",
        ),
        path="path.stage",
        remedy=Text("The sheet stays as it was at the deadline.", "Lembar nilai tetap seperti pada saat batas waktu."),
    )


def scoring_closed() -> Refusal:
    """A closed stage takes no sheet, whatever the clock says."""
    return _refusal(
        "scoring-closed",
        Text("Scoring of this stage is closed.", "Penilaian tahap ini sudah ditutup."),
        path="path.stage",
        remedy=Text("The sheet stays as it is.", "Lembar nilai tetap seperti adanya."),
    )


# --- the nomination ------------------------------------------------------------------------------------------------


def nomination_unknown(id_: str) -> Refusal:
    """No nomination has this id here."""
    return _refusal(
        "nomination-unknown",
        Text("There is no nomination with this id.", "Tidak ada usulan dengan nomor ini."),
        path="path.nomination",
        value=id_,
        remedy=Text("Take the id from the list of your sheets.", "Ambil nomor dari daftar lembar nilai Anda."),
        status=NOT_FOUND,
        recorded=False,
    )


def nomination_elsewhere(now_at: Stage) -> Refusal:
    """A sheet is filed only where the nomination stands now."""
    where = f"{now_at.tier}/{now_at.category}/{now_at.stage}"
    return _refusal(
        "nomination-not-at-stage",
        Text(f"The nomination is at {where} now.", f"Usulan ini sekarang berada di {where}."),
        path="path.stage",
        value=now_at.stage,
        remedy=Text(f"Score it at {where}.", f"Nilailah di {where}."),
    )


def nomination_withdrawn() -> Refusal:
    """A withdrawn nomination is not scored."""
    return _refusal(
        "nomination-withdrawn",
        Text("The nomination was withdrawn.", "Usulan ini telah ditarik."),
        path="path.nomination",
        remedy=Text("Score the other nominations.", "Nilailah usulan yang lain."),
    )


def nomination_eliminated() -> Refusal:
    """An eliminated nomination is not scored."""
    return _refusal(
        "nomination-eliminated",
        Text("The nomination is out of the competition.", "Usulan ini sudah tidak mengikuti seleksi."),
        path="path.nomination",
        remedy=Text("Score the other nominations.", "Nilailah usulan yang lain."),
    )


def nomination_rejected() -> Refusal:
    """A nomination that could not be verified is not scored."""
    return _refusal(
        "nomination-rejected",
        Text("The nomination was rejected at verification.", "Usulan ini ditolak dalam verifikasi."),
        path="path.nomination",
        remedy=Text("Score the other nominations.", "Nilailah usulan yang lain."),
    )


# --- marks ---------------------------------------------------------------------------------------------------------


def marks_refused(found: Sequence[tuple[str, FieldFault]]) -> Refusal:
    """One refusal for all marks that cannot be taken; its code is theirs where they share one."""
    codes = {code for code, _ in found}
    return Refusal(
        codes.pop() if len(codes) == 1 else "marks-refused",
        Text(
            "Nothing was filed: some marks must be changed first.",
            "Tidak ada yang disimpan: beberapa nilai harus diubah dahulu.",
        ),
        UNPROCESSABLE,
        tuple(fault for _, fault in found),
    )


def aspect_unknown(path: str, aspect: str, at: Stage, known: Sequence[str]) -> FieldFault:
    """The aspect is none of this category's, as the interview of a micro company in 2020."""
    return FieldFault(
        path,
        aspect,
        Text(
            f"{at.category} has no aspect {aspect} at the stage {at.stage} in {at.season}; mark: {_list(known)}.",
            f"{at.category} tidak memiliki aspek {aspect} pada tahap {at.stage} tahun {at.season}; "
            f"nilailah: {_list(known)}.",
        ),
    )


def aspect_measured(path: str, text: str | None) -> FieldFault:
    """A measured aspect cannot be typed in."""
    return FieldFault(
        path,
        text,
        Text(
            "Leave this aspect out: it is measured from published facts.",
            "Hilangkan aspek ini: nilainya diukur dari data yang diterbitkan.",
        ),
    )


def aspect_carried(path: str, text: str | None) -> FieldFault:
    """A carried aspect cannot be typed in."""
    return FieldFault(
        path,
        text,
        Text(
            "Leave this aspect out: it is carried from an earlier sealed stage.",
            "Hilangkan aspek ini: nilainya dibawa dari tahap sebelumnya yang sudah disegel.",
        ),
    )


def unreadable_number(path: str, text: str, locale: Locale) -> FieldFault:
    """What the locale cannot tell apart is refused, never guessed."""
    example = "87,5" if locale == "id" else "87.5"
    return FieldFault(
        path,
        text,
        Text(
            "Write the mark in the stated locale, without a thousands mark, zeros in front or a minus before zero, "
            f"for example {example}.",
            "Tulis nilai sesuai lokal yang disebut, tanpa tanda ribuan, tanpa nol di depan, dan tanpa minus di depan "
            f"nol, misalnya {example}.",
        ),
    )


def out_of_scale(path: str, text: str, least: Decimal, greatest: Decimal) -> FieldFault:
    """A mark lies on its scale."""
    remedy = Text(
        f"Give a mark from {_plain(least)} to {_plain(greatest)}.",
        f"Beri nilai dari {_comma(least)} sampai {_comma(greatest)}.",
    )
    return FieldFault(path, text, remedy)


def off_step(path: str, text: str, least: Decimal, step: Decimal) -> FieldFault:
    """A mark lies on a step of its scale."""
    remedy = Text(
        f"Give {_plain(least)} or a mark in steps of {_plain(step)} above it.",
        f"Beri {_comma(least)} atau kelipatan {_comma(step)} di atasnya.",
    )
    return FieldFault(path, text, remedy)


def filed_before(path: str, text: str | None) -> FieldFault:
    """A mark is filed once."""
    return FieldFault(
        path,
        text,
        Text(
            "This aspect is marked already: revise the mark, with a reason.",
            "Aspek ini sudah dinilai: revisi nilainya, dengan alasan.",
        ),
    )


def nothing_to_file() -> Refusal:
    """A command that files nothing is a mistake."""
    return _refusal(
        "nothing-to-file",
        Text("No mark was given.", "Tidak ada nilai yang diberikan."),
        path="marks",
        remedy=Text(
            "Give at least one mark, or submit the sheet.", "Beri paling sedikit satu nilai, atau kirim lembar."
        ),
        status=UNPROCESSABLE,
    )


def nothing_to_revise(path: str) -> Refusal:
    """Only a filed mark is revised."""
    return _refusal(
        "nothing-to-revise",
        Text("This aspect has no mark yet.", "Aspek ini belum dinilai."),
        path=path,
        remedy=Text("File the mark first.", "Isikan nilainya terlebih dahulu."),
    )


def mark_unchanged(path: str, text: str | None) -> Refusal:
    """A revision changes something."""
    return _refusal(
        "mark-unchanged",
        Text("The mark is the same as before.", "Nilainya sama dengan sebelumnya."),
        path=path,
        value=text,
        remedy=Text("Give another mark, or leave it as it is.", "Beri nilai lain, atau biarkan seperti adanya."),
    )


# --- handing in, voiding, reading ----------------------------------------------------------------------------------


def already_submitted() -> Refusal:
    """A sheet is handed in once."""
    return _refusal(
        "already-submitted",
        Text("This sheet is handed in already.", "Lembar nilai ini sudah diserahkan."),
        path="path.nomination",
        remedy=Text(
            "Revise single marks with a reason, or void the sheet and begin anew.",
            "Revisi nilai satu per satu dengan alasan, atau batalkan lembar dan mulai lagi.",
        ),
    )


def nothing_to_submit(missing: Sequence[str]) -> Refusal:
    """An empty sheet cannot be handed in, nor one by which nothing applies: it would count, and say nothing."""
    return _refusal(
        "nothing-to-submit",
        Text("The sheet has no marks.", "Lembar nilai ini belum berisi nilai."),
        path="marks",
        remedy=Text(
            f"Mark at least one of: {_list(missing)}; or leave the sheet unsent, and declare a conflict "
            "if you have one.",
            f"Nilailah paling sedikit satu dari: {_list(missing)}; atau jangan serahkan lembar ini, dan "
            "nyatakan benturan kepentingan bila ada.",
        ),
    )


def last_mark(path: str) -> Refusal:
    """A sheet that was handed in keeps at least one mark."""
    return _refusal(
        "last-mark",
        Text(
            "This is the only mark of a sheet that was handed in.",
            "Ini satu-satunya nilai pada lembar yang diserahkan.",
        ),
        path=path,
        remedy=Text(
            "Void the sheet if it is to count no more, or mark another aspect first.",
            "Batalkan lembar ini bila tidak lagi dihitung, atau nilailah dahulu aspek lain.",
        ),
    )


def sheet_incomplete(missing: Sequence[str]) -> Refusal:
    """The rubric says what makes a sheet complete."""
    remedy = Text(
        "Mark this aspect, or state that it does not apply.", "Nilailah aspek ini, atau nyatakan tidak berlaku."
    )
    return Refusal(
        "sheet-incomplete",
        Text(f"The sheet lacks marks for: {_list(missing)}.", f"Lembar nilai belum menilai: {_list(missing)}."),
        409,
        tuple(FieldFault(f"marks.{aspect}", None, remedy) for aspect in missing),
    )


def nothing_to_void(status: str) -> Refusal:
    """Only a sheet with marks can be voided."""
    return _refusal(
        "nothing-to-void",
        Text("There is no sheet to void.", "Tidak ada lembar nilai yang dapat dibatalkan."),
        path="path.nomination",
        value=status,
        remedy=Text("Leave it as it is, or file marks.", "Biarkan seperti adanya, atau isikan nilai."),
    )


def sheet_unknown() -> Refusal:
    """Nobody filed this sheet."""
    return _refusal(
        "sheet-unknown",
        Text("There is no such sheet.", "Tidak ada lembar nilai demikian."),
        path="path.member",
        remedy=Text("Take the sheet from the list of sheets.", "Ambil dari daftar lembar nilai."),
        status=NOT_FOUND,
        recorded=False,
    )


# --- repairs of dead letters ---------------------------------------------------------------------------------------


def letter_unknown(address: str) -> Refusal:
    """A repair stands in place of a message of a fact topic that was set aside."""
    return _refusal(
        "letter-unknown",
        Text(f"No fact was refused at {address}.", f"Tidak ada fakta yang ditolak pada {address}."),
        path="address",
        value=address,
        remedy=Text(
            "Give the place of a refused fact as <topic>/<partition>/<offset>, as the daily report has it.",
            "Beri tempat fakta yang ditolak sebagai <topik>/<partisi>/<offset>, seperti dalam laporan harian.",
        ),
        status=NOT_FOUND,
        recorded=False,
    )


def repair_not_a_fact(field: str, value: str, english: str, indonesian: str) -> Refusal:
    """What is proposed would be refused as the first message was."""
    path = "document" if field == "value" else f"document.{field}"
    return _refusal(
        "repair-not-a-fact",
        Text(
            f"What is proposed is no fact: {field}: {english}.", f"Yang diusulkan bukan fakta: {field}: {indonesian}."
        ),
        path=path,
        value=value,
        remedy=Text(f"{_capital(english)}.", f"{_capital(indonesian)}."),
        status=UNPROCESSABLE,
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def repair_of_another(claimed: str, publisher: str) -> Refusal:
    """Nobody puts a fact of one system in place of another system's message."""
    return _refusal(
        "repair-of-another",
        Text(
            f"The message that was set aside says it is from {claimed}, the fact from {publisher}.",
            f"Pesan yang disisihkan menyatakan berasal dari {claimed}, sedangkan faktanya dari {publisher}.",
        ),
        path="document.source",
        value=f"/bpjs/{publisher}",
        remedy=Text(f"Write /bpjs/{claimed}.", f"Tulis /bpjs/{claimed}."),
        status=UNPROCESSABLE,
    )


def repair_keeps_used_id(id_: str, path: str = "document.id") -> Refusal:
    """A fact whose id another content has is refused again under the same id."""
    return _refusal(
        "repair-keeps-used-id",
        Text(
            f"The id {id_} belongs to another content, so this fact would be refused again.",
            f"Id {id_} sudah dipakai untuk isi lain, sehingga fakta ini akan ditolak lagi.",
        ),
        path=path,
        value=id_,
        remedy=Text("Give the fact an id of its own.", "Beri fakta ini id sendiri."),
        status=UNPROCESSABLE,
    )


def repair_in_ledger(id_: str, path: str = "document.id") -> Refusal:
    """What is proposed is there already, so its message would be dropped."""
    return _refusal(
        "repair-in-ledger",
        Text(
            f"The ledger holds this very fact, {id_}, already: published again it would be dropped.",
            f"Fakta {id_} dengan isi ini sudah ada dalam buku besar: jika diterbitkan lagi akan diabaikan.",
        ),
        path=path,
        value=id_,
        remedy=Text(
            "Nothing is to be repaired. If another fact is meant, give it an id of its own.",
            "Tidak ada yang perlu diperbaiki. Jika yang dimaksud fakta lain, beri id sendiri.",
        ),
        status=UNPROCESSABLE,
    )


def repair_of_another_kind(claimed: str, kind: str) -> Refusal:
    """A repair says what the message was to say, and nothing of another kind."""
    return _refusal(
        "repair-of-another-kind",
        Text(
            f"The message that was set aside is a {claimed}, the fact a {kind}.",
            f"Pesan yang disisihkan berjenis {claimed}, sedangkan faktanya {kind}.",
        ),
        path="document.type",
        value=kind,
        remedy=Text(
            f"Propose a {claimed}; what is of another kind its publisher sends as a message of its own.",
            f"Usulkan {claimed}; fakta jenis lain dikirim oleh penerbitnya sebagai pesan tersendiri.",
        ),
        status=UNPROCESSABLE,
    )


def repair_about_another(claimed: Sequence[str], subject: str, *, of_region: bool) -> Refusal:
    """A repair is about whom the message was about."""
    name, nama = ("region", "wilayah") if of_region else ("employer", "pemberi kerja")
    return _refusal(
        "repair-about-another",
        Text(
            f"The message that was set aside is about the {name} {' or '.join(claimed)}, the fact about {subject}.",
            f"Pesan yang disisihkan tentang {nama} {' atau '.join(claimed)}, sedangkan faktanya tentang {subject}.",
        ),
        path=f"document.data.{name}",
        value=subject,
        remedy=Text(
            f"Write {' or '.join(claimed)}; a fact about another {name} its publisher sends as a message of its own.",
            f"Tulis {' atau '.join(claimed)}; fakta tentang {nama} lain dikirim penerbitnya dalam pesan sendiri.",
        ),
        status=UNPROCESSABLE,
    )


def letter_has_a_repair(address: str, repair: str) -> Refusal:
    """Two proposals for one mistake would both be agreed to."""
    return _refusal(
        "letter-has-a-repair",
        Text(
            f"The repair {repair} of the message at {address} waits for a second person already.",
            f"Perbaikan {repair} atas pesan pada {address} sudah menunggu orang kedua.",
        ),
        path="replaces",
        value=address,
        remedy=Text(
            f"Let it be agreed to, or propose this one instead of it: replaces {repair}.",
            f"Mintalah persetujuannya, atau usulkan yang ini sebagai gantinya: replaces {repair}.",
        ),
    )


def letter_repaired_before(address: str, repair: str) -> Refusal:
    """A mistake is repaired once."""
    return _refusal(
        "letter-repaired-before",
        Text(
            f"The message at {address} was repaired by {repair}.",
            f"Pesan pada {address} sudah diperbaiki dengan {repair}.",
        ),
        path="address",
        value=address,
        remedy=Text(
            "Read what became of that repair. If it was wrong, its publisher corrects or reverses the fact.",
            "Baca hasil perbaikan itu. Jika keliru, penerbitnya mengoreksi atau membatalkan faktanya.",
        ),
    )


def repair_replaces_none(repair: str) -> Refusal:
    """Only a repair of the same letter can be replaced."""
    return _refusal(
        "repair-replaces-none",
        Text(
            f"No repair {repair} of this message waits for a second person.",
            f"Tidak ada perbaikan {repair} atas pesan ini yang menunggu orang kedua.",
        ),
        path="replaces",
        value=repair,
        remedy=Text("Leave replaces out.", "Hilangkan replaces."),
    )


def repair_replaced(repair: str, by: str | None) -> Refusal:
    """Nobody agrees to what was taken back."""
    return _refusal(
        "repair-replaced",
        Text(
            f"Another repair of the same message was proposed instead of this one: {by or '-'}.",
            f"Perbaikan lain atas pesan yang sama diusulkan sebagai gantinya: {by or '-'}.",
        ),
        path="path.repair",
        value=repair,
        remedy=Text("Read the other one, and agree to that.", "Baca yang lain itu, lalu setujui yang itu."),
    )


def repair_unknown(repair: str) -> Refusal:
    """Nobody proposed such a repair."""
    return _refusal(
        "repair-unknown",
        Text("There is no such repair.", "Tidak ada perbaikan tersebut."),
        path="path.repair",
        value=repair,
        remedy=Text("Take the id that its proposal answered with.", "Gunakan id dari jawaban atas usulannya."),
        status=NOT_FOUND,
        recorded=False,
    )


def repair_of_another_topic(topic: str) -> Refusal:
    """A publisher agrees to repairs of its own topic only."""
    return _refusal(
        "repair-of-another-topic",
        Text(
            f"This repair is of {topic}, which you do not publish.",
            f"Perbaikan ini menyangkut {topic}, yang bukan topik Anda.",
        ),
        path="path.repair",
        remedy=Text(
            "Let its publisher or another operator agree to it.", "Mintalah penerbitnya atau operator lain menyetujui."
        ),
        status=FORBIDDEN,
    )


def repair_approved_before(repair: str) -> Refusal:
    """A repair is agreed to once."""
    return _refusal(
        "repair-approved-before",
        Text("This repair was agreed to before.", "Perbaikan ini sudah disetujui sebelumnya."),
        path="path.repair",
        value=repair,
        remedy=Text(
            "Nothing is left to do: it is published, or will be shortly.",
            "Tidak ada yang perlu dilakukan: perbaikan sudah atau segera diterbitkan.",
        ),
    )


def own_repair(repair: str) -> Refusal:
    """Who proposed a repair does not agree to it."""
    return _refusal(
        "own-repair",
        Text(
            "You proposed this repair; it needs the agreement of a second person.",
            "Anda yang mengusulkan perbaikan ini; diperlukan persetujuan orang kedua.",
        ),
        path="path.repair",
        value=repair,
        remedy=Text(
            "Let another operator or the topic's publisher agree to it.",
            "Mintalah operator lain atau penerbit topik itu menyetujuinya.",
        ),
    )
