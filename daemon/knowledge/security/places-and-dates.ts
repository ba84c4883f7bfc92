import type { SecretSpan } from './span.ts'
import { windowsAround } from './windows.ts'

const TOWN = String.raw`(?:,?\s{1,2}(?:D-)?\d{4,5} [A-ZÄÖÜ][\p{L}.-]{1,30})?`
const STREETS: readonly RegExp[] = [
  // 221B Baker Street
  /(?<![\w.,$€£-])\d{1,5}[A-Za-z]?(?:-\d{1,4})?,? (?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?(?:[A-Z][\p{L}'.-]{1,20} |\d{1,3}(?:st|nd|rd|th) ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Square|Terrace|Crescent|Highway|Hwy|Parkway|Pkwy|Close|Way)(?![\p{L}\p{N}])/gu,
  // Lindenstraße 12a, 10969 Berlin
  new RegExp(
    String.raw`(?<![\p{L}\p{N}])(?!(?:Arbeits|Sitz|Steh|Park|Stell|Liege|Speicher|Studien|Lösungs|Rechen|Aus|Um|Rück|Hin|Bahn|Warte|Ausbildungs|Montage|Steck|Milch|Daten|Platz)(?:platz|weg|steig|straße|strasse))[A-ZÄÖÜ][\p{L}-]{1,30}(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|(?<!ä)ufer|chaussee|stieg|promenade) \d{1,4} ?[a-k]?(?![\p{L}\p{N}]|[.,]\d)${TOWN}`,
    'gu',
  ),
  // Kottbusser Straße 7, Unter den Linden 5
  new RegExp(
    String.raw`(?<![\p{L}\p{N}])[A-ZÄÖÜ][\p{L}-]{2,30}(?: |-)(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse|Damm|Ufer|Ring|Chaussee) \d{1,4} ?[a-k]?(?![\p{L}\p{N}]|[.,]\d)${TOWN}`,
    'gu',
  ),
  // 12 bis, rue de la Paix
  /(?<![\w.,$€£-])\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|bd|place|allée|chemin|quai|impasse) (?:(?:de|du|des|la|le|les|d'|l') ?){0,3}[A-ZÀ-Ý][\p{L}'-]{1,30}(?: [A-ZÀ-Ý][\p{L}'-]{1,30}){0,3}/gu,
  // C/ Mayor 5, Via Roma 12, Calle de Alcalá 48
  /(?<![\p{L}\p{N}])(?:Calle|C\/|Avenida|Via|Viale|Piazza|Rua) (?:(?:de|del|la|della|dei|da|do|das) ){0,2}[A-ZÀ-Ý][\p{L}'-]{1,30}(?: [A-ZÀ-Ý][\p{L}'-]{1,30}){0,2},? (?:n[.º°] ?)?\d{1,4}(?![\p{L}\p{N}]|[.,]\d)/gu,
  /(?<![\w])P\.? ?O\.? ?Box \d{1,6}(?!\w)/gi,
  /(?<![\p{L}])Postfach \d{2,6}(?:[ ]\d{2})?(?!\w)/gu,
]

const MONTH = String.raw`(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|sep(?:t|tember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?`
const DAY = String.raw`\d{1,2}(?:st|nd|rd|th|\.)?`
const DATE = String.raw`(?:\d{4}-\d{2}-\d{2}|\d{1,2}([./-]) ?\d{1,2}\2 ?(?:\d{4}|\d{2})|${MONTH} ${DAY},? \d{4}|${DAY} (?:of )?${MONTH},? \d{4})`
const BIRTH = new RegExp(
  String.raw`(?:\bborn(?: \p{L}+)?(?: on)?|date of birth|birth ?date|birthday|\bd\.?o\.?b\.?|geboren(?: am)?|\bgeb\.|geburtsdatum|geburtstag|née? le|fecha de nacimiento)(?: (?:is|was|ist|war|am|on|the|den|in \p{L}{2,20} (?:on|am)))*[:=,]? {0,2}(?:the )?\(?(${DATE})(?!\d)`,
  'giu',
)

/** Streets with a house number, post boxes, and the day somebody was born. */
export function findPlacesAndDates(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (const window of windowsAround(text, /(?<=[\p{L}.] )\d|\d(?= ?[A-Za-z]?,? [\p{L}])|Box|C\//gu, 80, 100))
    for (const pattern of STREETS)
      for (const { index, 0: place } of window.text.matchAll(pattern))
        spans.push({ start: window.start + index, end: window.start + index + place.length, kind: 'address' })
  for (const window of windowsAround(
    text,
    /[Bb](?:orn|irth|IRTH)|BORN|[Dd]\.?[Oo]\.?[Bb]|[Gg]eb|n[ée]e? le|nacim/g,
    10,
    120,
  ))
    for (const match of window.text.matchAll(BIRTH)) {
      const start = window.start + match.index + match[0].length - match[1]!.length
      spans.push({ start, end: start + match[1]!.length, kind: 'birth_date' })
    }
  return spans
}
