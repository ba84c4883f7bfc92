const ENGLISH = `a about above after again against all also am an and any are as at be because been before being below
between both but by can could did do does doing down during each else ever few for from further had has have having he
her here hers herself him himself his how i if in into is it its itself just let like me might more most must my myself
no nor not of off on once only or other our ours ourselves out over own please said same say shall she should so some
such tell than that the their theirs them themselves then there these they this those through to too under until up us
very was we were what when where which while who whom whose why will with would you your yours yourself yourselves s t
d ll m re ve don didn doesn isn wasn aren won`

const GERMAN = `aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei bin bis bist da
dabei damit dann das dass dein deine deinem deinen deiner dem den denn der des dessen dich die dies diese diesem diesen
dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure für gegen gibt habe
haben hast hat hatte hatten hattest hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede
jedem jeden jeder jedes jetzt kann kannst können könnte machen man mein meine meinem meinen meiner mich mir mit muss
nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seit sich sie sind so soll sollte
sondern über um und uns unser unsere unter viel vom von vor war waren warum was weil welche welchem welchen welcher
welches wenn wer werden wie wieder will wir wird wirst wo wollen worden wurde würde während zu zum zur zwar zwischen`

/** Words that carry no topic, English and German, lower case without diacritics. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `${ENGLISH} ${GERMAN}`.split(/\s+/).map((word) => word.normalize('NFD').replace(/\p{Mn}/gu, '')),
)
