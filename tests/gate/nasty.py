"""Pages that try to make a browser ask stranger.test, each in a way of its own.

`@` stands for the stranger's host, under which each page has a name of its own, so that
who asked shows in a TLS greeting too.
"""

import base64

_TAGS = [
    "<script src=https://@/{n}></script>",
    "<SCRIPT SRC='HTTPS://@/{n}'></SCRIPT>",
    "<script src=//@/{n} type=text/javascript></script>",
    "<script src=//@/{n} type=module></script>",
    "<script nomodule src=//@/{n}></script><script defer src=//@/{n}b></script>",
    "<script src=own.js src=https://@/{n}></script><img src=https://@/{n} src=own>",
    "<script/src=//@/{n}></script>",
    "<script type=' text/JavaScript ' src=//@/{n}></script>",
    "<script type='' src=//@/{n}></script>",
    "<script type='text/javascript;x=y' src=//@/{n}></script>",
    "<img src=https://@/{n}>",
    "<img src='https:&#47;&#x2f;@/{n}'>",
    "<img src='&#104;ttps&colon;//@/{n}'>",
    "<img src='\thtt\nps://@/{n}'>",
    "<img src='  //@/{n}'>",
    "<img src='\\\\@/{n}'>",
    "<img src='/\\@/{n}'>",
    "<img src='////@/{n}'>",
    "<img src='https:@/{n}'>",
    "<img src='https:/@/{n}'>",
    "<img src='https:\\@/{n}'>",
    "<img src='https://user:pass@@/{n}'>",
    "<img src='https://news.test@@/{n}'>",
    "<img src='https://@:443/{n}'>",
    "<img src='https://n{n}.%73tranger.test/{n}'>",
    "<img src='https://n{n}.ｓｔｒａｎｇｅｒ.test/{n}'>",
    "<img src='https://n{n}.stranger。test/{n}'>",
    "<img src='https://@./{n}'>",
    "<img/src='https://@/{n}'/>",
    "<img\x0csrc=https://@/{n}>",
    "<img srcset='own.png 1x, https://@/{n} 2x' src=own.png>",
    "<img srcset='https://@/{n}'>",
    "<img srcset=',,https://@/{n} 1x'>",
    "<img srcset='data:image/gif;base64,AAAA 1x,//@/{n} 9x'>",
    "<img srcset='own.png 1x (a,b), //@/{n} 9x'>",
    "<image src=https://@/{n}>",
    "<picture><source srcset='https://@/{n}'><img src=own.png></picture>",
    "<picture><source media=all srcset='own.png 1x, //@/{n} 3x'><img></picture>",
    "<iframe src=https://@/{n}></iframe>",
    "<iframe src=https://@/{n} />",
    "<iframe srcdoc='<img src=https://@/{n}>'></iframe>",
    "<iframe srcdoc=\"&lt;iframe srcdoc='&amp;lt;img src=https://@/{n}&gt;'>\"></iframe>",
    "<iframe srcdoc='<base href=https://@/><img src={n}>'></iframe>",
    "<iframe src='data:text/html,<img src=https://@/{n}>'></iframe>",
    "<iframe src='data:image/svg+xml,<svg/>' srcdoc='<script src=//@/{n}></script>'>",
    "<iframe src='DATA:text/html;base64,"
    + base64.b64encode(b"<img src=https://n0.stranger.test/>").decode()
    + "'></iframe>",
    "<object data=https://@/{n}></object>",
    "<object data='data:text/html,<img src=//@/{n}>'></object>",
    "<embed src=https://@/{n}>",
    "<embed type=text/html src=//@/{n}>",
    "<video src=https://@/{n} poster=https://@/{n}p></video>",
    "<video><source src=https://@/{n}></video>",
    "<video poster=//@/{n}></video>",
    "<audio preload=auto src=//@/{n}></audio>",
    "<video src=own.mp4><track default kind=captions src=https://@/{n}></video>",
    "<link rel=stylesheet href=https://@/{n}>",
    "<LINK REL='alternate STYLESHEET' HREF=//@/{n}>",
    "<link rel=preload as=script href=//@/{n}>",
    "<link rel=preload as=image imagesrcset='//@/{n} 1x'>",
    "<link rel=prefetch href=https://@/{n}>",
    "<link rel=preconnect href=https://@>",
    "<link rel='dns-prefetch preconnect' href=https://@>",
    "<link rel=modulepreload href=//@/{n}>",
    "<link rel='shortcut icon' href=//@/{n}>",
    "<link rel=manifest href=//@/{n}>",
    "<input type=image src=https://@/{n}>",
    "<input type=IMAGE src=//@/{n}>",
    "<table background=https://@/{n}><td background=//@/{n}t>x</table>",
    "<svg><image href=https://@/{n} /></svg>",
    "<svg><image xlink:href=//@/{n} /></svg>",
    "<svg><script href=https://@/{n}></script></svg>",
    "<svg><script xlink:href='//@/{n}'/></svg>",
    (
        "<svg><filter id=f><feImage href=//@/{n} /></filter>"
        "<rect width=9 height=9 filter=url(#f) /></svg>"
    ),
    (
        "<svg><image><animate attributeName=href values='//@/{n};//@/{n}b' dur=1s />"
        "</image></svg>"
    ),
    "<svg><image><set attributeName=href to=//@/{n} /></image></svg>",
    "<noscript><img src=https://@/{n}></noscript>",
    "<noscript><link rel=stylesheet href=//@/{n}></noscript>",
    "<noscript><iframe src=//@/{n}></iframe></noscript>",
    "<template><img src=//@/{n}></template>",
    "<div><template shadowrootmode=open><img src=//@/{n}></template></div>",
]

# Ways of hiding a tag from whoever reads the page less carefully than a browser.
_HIDING = [
    "<!-- --><img src=//@/{n}><!-- -->",
    "<!--><img src=//@/{n}>-->",
    "<!---><img src=//@/{n}>-->",
    "<!-- --!><img src=//@/{n}>-->",
    "<!-- <!-- --><img src=//@/{n}>",
    "<!x><img src=//@/{n}>",
    "<?x ><img src=//@/{n}>",
    "</ ><img src=//@/{n}>",
    "<![CDATA[><img src=//@/{n}>]]>",
    "<svg><![CDATA[<p>]]></svg><img src=//@/{n}>",
    "<p title='<!--'><img src=//@/{n}><p title='-->'>",
    "<p title=\"a'b\" id='x\"y'><img src=//@/{n}>",
    "<p x='a'y=\"><img src=//@/{n}>\"><img src=//@/{n}>",
    "<script>'<!--'</script><img src=//@/{n}>",
    "<script>'<!--<script>'</script><img src=//@/{n}></script><img src=//@/{n}>",
    "<script><!--</script><img src=//@/{n}>-->",
    "<style><!--</style><img src=//@/{n}><!-- </style>-->",
    "<title></title><img src=//@/{n}>",
    "<textarea></textarea><img src=//@/{n}>",
    "<textarea></TEXTAREA\n><img src=//@/{n}>",
    "<textarea></textareax></textarea/><img src=//@/{n}>",
    "<xmp></xmp><img src=//@/{n}>",
    "<svg><style><img src=//@/{n}></style></svg>",
    "<svg><title><img src=//@/{n}></title></svg>",
    "<svg><desc><img src=//@/{n}></desc></svg>",
    "<svg><textarea><img src=//@/{n}></textarea></svg>",
    "<svg><script><img src=//@/{n}></script></svg>",
    "<svg><xmp><img src=//@/{n}></xmp></svg>",
    "<svg><noscript><img src=//@/{n}></noscript></svg>",
    "<svg><iframe><img src=//@/{n}></iframe></svg>",
    "<svg><desc><p></svg></desc><style><img src=//@/{n}></style>",
    "<svg><style/><img src=//@/{n}></svg>",
    "<svg></p><style><a id='</style><img src=//@/{n}>'>",
    "<math><style><img src=//@/{n}></style></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=//@/{n}>'>",
    (
        "<math><annotation-xml encoding=text/html><style><img src=//@/{n}></style>"
        "<img src=//@/{n}>"
    ),
    "<math><mi><svg><style><img src=//@/{n}></style>",
    "<svg><foreignObject><math><mi><svg><style><img src=//@/{n}></style>",
    "<style/><img src=//@/{n}></style><img src=//@/{n}>",
    "<noscript/><img src=//@/{n}></noscript><img src=//@/{n}>",
    "<noscript><p title='</noscript><img src=//@/{n}>'>",
    "<noscript><style></noscript><p title='</style><img src=//@/{n}>'>",
    "<noscript><!-- </noscript><img src=//@/{n}> -->",
    "<script/><!--</script><img src=//@/{n}>-->",
    "<select><img src=//@/{n}></select>",
    "<select><script src=//@/{n}></script></select>",
    "<select><style><script src=//@/{n}></script></style></select>",
    "<select><textarea><img src=//@/{n}></select>",
    "<table><img src=//@/{n}><tr><td><svg><desc><td><style><img src=//@/{n}></style>",
    "<template><svg><style><img src=//@/{n}></style></svg></template>",
    "<form><div></form><img src=//@/{n}>",
    "<b><p></b><img src=//@/{n}>",
    "<a><a><img src=//@/{n}>",
    "<p<img src=//@/{n}><img src=//@/{n}>",
    "<img src=own alt='><img src=//@/{n}>'><img src=//@/{n}>",
    "<img alt=`><img src=//@/{n}>`>",
    "<img =x src=//@/{n}>",
    "<img x y = z src = //@/{n}>",
    "<img src\n=\n//@/{n}\n>",
    "<im\x00g src=//@/{n}><img src=//@/{n}>",
    "<img src=//@/{n}\x00>",
    "<img data-src=x src=//@/{n}>",
    "<img data-purpose=technicall src=//@/{n}>",
    "<img data-purpose=unknown src=//@/{n}>",
    "<img data-service=nobody src=//@/{n}>",
    "<iframe data-purpose=ads src=//@/{n}></iframe>",
    "<script data-purpose=audience>new Image().src='//@/{n}'</script>",
    "<script data-service=video>new Image().src='//@/{n}'</script>",
    "<script type=module data-purpose=ads>new Image().src='//@/{n}'</script>",
    "<base href=//@/><img src={n}>",
    "<base href=https://@/a/><script src={n}></script>",
    "<img src={n}><base href='ht\ntps:\\\\@'><link rel=stylesheet href={n}>",
    "<svg><style><base href=//@/></style></svg><img src={n}>",
    "<plaintext><img src=//@/{n}>",
    "<img src=//@/{n}",
    "<img src=//@/{n}><plaintext>",
]

_FRAMES = [
    "<!doctype html><frameset><frame src=//@/{n}></frameset>",
    "<frameset><noframes><img src=//@/{n}></noframes><frame src=https://@/{n}>",
    "<html><head><base href=//@/></head><frameset><frame src={n}></frameset>",
    "<!doctype html><head/><script src=//@/{n}></script><body/><img src=//@/{n}>",
    "<head><head><noscript><style></noscript><link rel=stylesheet href=//@/{n}>",
    "<html><body background=//@/{n}>",
]


def pages() -> list[str]:
    """All of them, each as a whole document, each asking under its own name."""
    bodies = [*_TAGS, *_HIDING]
    documents = [
        *(
            f"<!doctype html><html><body><p>x</p>{body}</body></html>"
            for body in bodies
        ),
        *(f"<!doctype html><title>x</title>{body}" for body in bodies[::3]),
        *(f"<!doctype html>\r\n<head>{body}" for body in bodies[1::4]),
        *_FRAMES,
    ]
    return [
        document.replace("@@", "\0")
        .replace("@", "n{n}.stranger.test")
        .replace("\0", "@n{n}.stranger.test")
        .replace("{n}", str(number))
        for number, document in enumerate(documents)
    ]
