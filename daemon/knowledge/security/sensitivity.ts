/** How close a text without spans comes to a person. */
export interface Sensitivity {
  /** 1 general, 2 personal, 4 sensitive. */
  readonly level: 1 | 2 | 4
  readonly rule: string
}

const FIRST_PERSON =
  /(?<![\p{L}\p{N}'])(?:I(?:['’](?:m|ve|d|ll))?|[Mm]y|[Mm]ine|[Mm]e|[Mm]yself|[Ww]e|[Oo]ur|[Uu]s|[Ii]ch|[Mm]ein(?:e[mnrs]?)?|[Mm]ir|[Mm]ich|[Ww]ir|[Uu]ns(?:er\w{0,2})?|[Jj]e|[Mm]oi|[Mm]on|[Mm]a|[Mm]es|[Yy]o|[Mm]i|[Mm]is)(?![\p{L}\p{N}'])/u
const SECOND_PERSON =
  /(?<![\p{L}\p{N}])(?:[Yy]ou|[Yy]ours?|[Dd]u|[Dd]ein\p{L}{0,2}|[Dd]ir|[Dd]ich|Ihr\p{L}{0,2}|Ihnen)(?![\p{L}\p{N}])/u

/** Words about health, money and the law that say something about whoever they are said of. */
const TOPICS: readonly [topic: string, words: RegExp][] = [
  [
    'health',
    /(?<!\p{L})(?:diagnos(?:ed|is|es)|cancer|tumou?r|chemo(?:therapy)?|diabet(?:es|ic)|hiv|hepatitis|epilep(?:sy|tic)|migraines?|asthma|pregnan(?:t|cy)|miscarriage|abortion|depress(?:ed|ion)|anxiety disorder|panic attacks?|antidepressants?|bipolar|schizophreni\p{L}{1,2}|adhd|ptsd|autis(?:m|tic)|suicid(?:e|al)|self-harm|psychiatrist|psychotherap\p{L}{1,4}|therapist|addict(?:ed|ion)|alcoholi(?:c|sm)|rehab|overdose|surgery|biops(?:y|ies)|blood pressure|blood test|medication|prescri(?:bed|ption)|symptoms?|insulin|(?:slipped|herniated) disc|back pain|chronic pain|sick leave|disabilit(?:y|ies)|disabled|std|krebs|diagnosen?|diagnostiziert|zuckerkrank\p{L}{0,4}|schwanger(?:schaft)?|fehlgeburt|abtreibung|depressi(?:on|onen|v)|angststörung|panikattacken?|antidepressiv\p{L}{1,2}|psychiater(?:in)?|therapeut(?:in)?|suchtkrank|alkoholiker(?:in)?|entzug|operation am|blutdruck|blutwerte|medikamente?|verschrieben|symptome?|bandscheibenvorfall|rückenschmerzen|chronische schmerzen|krankgeschrieben|krankschreibung|behinderung|schwerbehindert)(?!\p{L})/iu,
  ],
  [
    'finance',
    /(?<!\p{L})(?:salary|income of|net worth|in debt|debts?|bankrupt(?:cy)?|insolven(?:t|cy)|overdrawn|overdraft|mortgage payments?|credit score|credit rating|bank balance|account balance|tax return|unpaid taxes|unemployment benefits?|food stamps|child support|alimony|inheritance|foreclosure|gehalt|nettogehalt|bruttogehalt|verschuldet|schulden|insolvenz|privatinsolvenz|pfändung|kontostand|überzogen|schufa|steuererklärung|steuerschulden|arbeitslosengeld|bürgergeld|hartz iv|unterhaltszahlung\p{L}{0,2}|erbschaft)(?!\p{L})/iu,
  ],
  [
    'legal',
    /(?<!\p{L})(?:lawsuit|sued|suing|arrest(?:ed)?|convict(?:ed|ion)|criminal record|felony|misdemeanou?r|probation|parole|prison|in jail|restraining order|custody|divorc(?:e|ed|ing)|deport(?:ed|ation)|asylum|immigration status|undocumented|my lawyer|our lawyer|my attorney|eviction|evicted|verklagt|klage gegen|vorbestraft|vorstrafe|verhaftet|anzeige erstattet|bewährung|gefängnis|sorgerecht|scheidung|geschieden|abschiebung|asylantrag|aufenthaltsstatus|mein anwalt|meine anwältin|zwangsräumung|räumungsklage)(?!\p{L})/iu,
  ],
]

const PERSON =
  /(?<!\p{L})(?:my|our|mein\p{L}{0,2}|unser\p{L}{0,2}) (?:\p{L}+ )?(?:wife|husband|partner|mother|mom|mum|father|dad|son|daughter|child|kids?|brother|sister|friend|boss|colleague|girlfriend|boyfriend|frau|mann|mutter|vater|sohn|tochter|kind|bruder|schwester|freund(?:in)?|chef(?:in)?|kolleg(?:e|in))(?!\p{L})/iu

/**
 * A lexicon, not a reader: a sensitive word counts when a sentence says it of a person ("I", "my mother"; in an
 * answer also "you"). A page about diabetes stays general.
 */
export function sensitivityOf(text: string, fromUser: boolean): Sensitivity {
  const personal = fromUser && FIRST_PERSON.test(text)
  for (const [topic, words] of TOPICS) {
    if (!words.test(text)) continue
    for (const sentence of text.split(/(?<=[.!?。！？])\s+|\n+/))
      if (words.test(sentence) && (fromUser ? isAboutPerson(sentence) : isAddressed(sentence)))
        return { level: 4, rule: `security.${topic}` }
  }
  if (personal) return { level: 2, rule: 'security.first-person' }
  return { level: 1, rule: 'security.general' }
}

function isAboutPerson(sentence: string): boolean {
  return FIRST_PERSON.test(sentence) || PERSON.test(sentence)
}

function isAddressed(sentence: string): boolean {
  return (
    SECOND_PERSON.test(sentence) &&
    !/(?<!\p{L})(?:if|can|could|may|might|wenn|falls) (?:you|du)(?!\p{L})/iu.test(sentence)
  )
}
